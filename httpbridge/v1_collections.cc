// Collections as resources: list, make, settings, statistics, delete.
#include "httpbridge/json_text.h"
#include "httpbridge/resources.h"
#include "httpbridge/v1.h"
#include "httpbridge/watch.h"

namespace kvfs::http {

Result<void> v1_collections(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return watch_changes(context, request, response);
  const auto infos =
      context.store.read([&](const ReadTxn& txn) { return list_collections(txn, request.caller.tenant_dir); });
  response.text(200, "application/json", resource_listing("collections", infos));
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
  const auto infos =
      context.store.read([&](const ReadTxn& txn) { return list_collections(txn, request.caller.tenant_dir); });
  tell_resource(response, created ? 201 : 200, infos, request.collection);
  return {};
}

Result<void> v1_delete_collection(Context& context, Request& request, Response& response) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  if (const auto collection = collection_of(context, request); !collection) return collection.error();
  response.content_type = "application/json";
  response.source = remove_collection(context, request.caller.tenant_dir, request.collection);
  return {};
}

Result<void> v1_collection_info(Context& context, Request& request, Response& response) {
  const auto infos =
      context.store.read([&](const ReadTxn& txn) { return list_collections(txn, request.caller.tenant_dir); });
  tell_resource(response, 200, infos, request.collection);
  if (response.body.empty()) return {Errc::not_found, "no such collection"};
  return {};
}

}  // namespace kvfs::http
