// Collections as resources: list, make, settings, statistics, delete.
#include "httpbridge/json_text.h"
#include "httpbridge/resources.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/watch.h"

namespace kvfs::http {

namespace {

std::optional<CollectionInfo> info_of(const Context& context, const Request& request) {
  return context.store.read(
      [&](const ReadTxn& txn) { return collection_info(txn, request.caller.tenant_dir, request.collection); });
}

}  // namespace

Result<void> v1_collections(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return watch_changes(context, request, response);
  const auto asked = page_asked(context, request);
  if (!asked) return asked.error();
  tell_listing(response, "collections", context.store.read([&](const ReadTxn& txn) {
    return collections_page(txn, request.caller.tenant_dir, asked->after, asked->limit);
  }));
  return {};
}

Result<void> v1_put_collection(Context& context, Request& request, Response& response) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  bool created = false;
  const auto done = context.store.write(
      [&](WriteTxn& txn) -> Result<void> {
        created = !find_collection(txn, request.caller.tenant_dir, request.collection);
        const auto collection = ensure_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        Settings settings = settings_of(txn, *collection);
        if (auto r = parse_settings(request.body, Of::collection, settings); !r) return r;
        if (!trim_json(request.body).empty()) set_settings(txn, *collection, settings);
        return {};
      },
      context.write_options);
  if (!done) return done;
  tell_resource(response, created ? 201 : 200, info_of(context, request));
  return {};
}

Result<void> v1_delete_collection(Context& context, Request& request, Response& response) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  // Who asks for a part of it must not lose all of it.
  for (const char* part : {"prefix", "start", "end", "end_inclusive", "after", "cursor", "limit", "delimiter"}) {
    const auto given = query_value(request.query, part);
    if (!given) return given.error();
    if (*given)
      return {Errc::invalid, "a collection is removed with all its keys: \"" + std::string(part) + "\" is not taken"};
  }
  if (const auto collection = collection_of(context, request); !collection) return collection.error();
  response.content_type = "application/json";
  response.source = remove_collection(context, request.caller.tenant_dir, request.collection);
  return {};
}

Result<void> v1_collection_info(Context& context, Request& request, Response& response) {
  tell_resource(response, 200, info_of(context, request));
  if (response.body.empty()) return {Errc::not_found, "no such collection"};
  return {};
}

}  // namespace kvfs::http
