// What was removed and is kept for a while: listed, read, brought back, removed for good.
#include <charconv>

#include "httpbridge/http_date.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/precondition.h"
#include "httpbridge/resources.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/v1_types.h"
#include "store/trash.h"
#include "store/typed_value.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

Result<DirId> tenant_of(const Request& request) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  return request.caller.tenant_dir;
}

Result<Version> parse_id(std::string_view text) {
  Version id = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || stop != text.data() + text.size()) return {Errc::invalid, "an id is a number"};
  return id;
}

Error gone() { return {Errc::not_found, "nothing that was removed and is still kept has this id"}; }

void append_time(std::string& out, std::string_view name, uint64_t ms) {
  out.append(",\"").append(name).append("\":\"");
  append_rfc3339(out, static_cast<int64_t>(ms) * 1'000'000);
  out.push_back('"');
}

void append_removed(std::string& out, const Trashed& removed) {
  const Entry& entry = removed.entry;
  out.append("{\"id\":\"");
  append_json_number(out, removed.id);
  out.append("\",");
  append_text_member(out, "collection", removed.collection);
  out.push_back(',');
  append_text_member(out, "key", removed.key);
  out.append(",\"size\":");
  append_json_number(out, entry.size);
  out.append(",\"type\":\"").append(to_string(entry.type)).append("\"");
  if (!entry.content_type.empty() && valid_utf8(entry.content_type)) {
    out.append(",\"content_type\":");
    append_json_string(out, entry.content_type);
  }
  append_time(out, "removed", removed.id >> 16);
  append_time(out, "ends", removed.ends_ms);
  out.push_back('}');
}

struct Filter {
  std::optional<std::string> collection;
  std::optional<std::string> prefix;  // of keys
  Version after = 0;
  size_t limit = 0;
};

Result<Filter> parse_filter(const Context& context, const Request& request) {
  Filter filter;
  auto collection = query_value(request.query, "collection");
  if (!collection) return collection.error();
  filter.collection = std::move(*collection);
  auto prefix = query_value(request.query, "prefix");
  if (!prefix) return prefix.error();
  filter.prefix = std::move(*prefix);
  const auto cursor = query_value(request.query, "cursor");
  if (!cursor) return cursor.error();
  if (*cursor && !(*cursor)->empty()) {
    const auto after = parse_id(**cursor);
    if (!after) return after.error();
    filter.after = *after;
  }
  const auto limit = limit_of(request.query, context.options.list_limit_default, context.options.list_limit_max);
  if (!limit) return limit.error();
  filter.limit = *limit;
  return filter;
}

/// What is brought back may take the place of a value, under the conditions of any change.
Result<void> check_target(const ReadTxn& txn, DirId tenant, const std::string& collection, const std::string& key,
                          const Precondition& precondition, bool conditional) {
  const auto into = find_collection(txn, tenant, collection);
  if (!into) return check(precondition, nullptr);
  if (auto free = check_demand(txn, *into, conditional); !free) return free;
  const auto present = get(txn, *into, key);
  return check(precondition, present ? &*present : nullptr);
}

}  // namespace

Result<void> get_trash(Context& context, Request& request, Response& response) {
  const auto tenant = tenant_of(request);
  if (!tenant) return tenant.error();
  const auto filter = parse_filter(context, request);
  if (!filter) return filter.error();
  std::string body = "{\"removed\":[";
  Version last = 0;
  bool more = false;
  context.store.read([&](const ReadTxn& txn) {
    size_t count = 0;
    list_trash(txn, *tenant, filter->after, [&](const Trashed& removed) {
      if (filter->collection && removed.collection != *filter->collection) return true;
      if (filter->prefix && !removed.key.starts_with(*filter->prefix)) return true;
      more = count == filter->limit || body.size() >= context.options.answer_bytes_max;
      if (more) return false;
      if (count++ > 0) body.push_back(',');
      append_removed(body, removed);
      last = removed.id;
      return true;
    });
  });
  body.append("]");
  if (more) body.append(",\"cursor\":\"").append(std::to_string(last)).append("\"");
  response.text(200, kJson, body + "}");
  return {};
}

Result<void> get_removed(Context& context, Request& request, Response& response) {
  const auto tenant = tenant_of(request);
  if (!tenant) return tenant.error();
  const auto id = parse_id(request.key);
  if (!id) return id.error();
  return context.store.read([&](const ReadTxn& txn) -> Result<void> {
    const auto removed = find_trashed(txn, *tenant, *id);
    if (!removed) return gone();
    return answer_entry(txn, removed->entry, request, response);
  });
}

Result<void> restore_removed(Context& context, Request& request, Response& response) {
  const auto tenant = tenant_of(request);
  if (!tenant) return tenant.error();
  const auto id = parse_id(request.key);
  if (!id) return id.error();
  const auto to_collection = query_value(request.query, "to_collection");
  if (!to_collection) return to_collection.error();
  const auto to = query_value(request.query, "to");
  if (!to) return to.error();
  const auto replace = query_value(request.query, "replace");
  if (!replace) return replace.error();
  const auto on_target = precondition_of(request.headers);
  if (!on_target) return on_target.error();
  std::string collection;
  std::string key;
  const auto outcome = context.store.write(
      [&](WriteTxn& txn) -> Result<PutOutcome> {
        const auto removed = find_trashed(txn, *tenant, *id);
        if (!removed) return gone();
        collection = to_collection->value_or(std::string(removed->collection));
        key = to->value_or(std::string(removed->key));
        const bool conditional = *replace != "1" || names_versions(request.headers);
        if (auto free = check_target(txn, *tenant, collection, key, *on_target, conditional); !free)
          return free.error();
        return restore_trashed(txn, *tenant, *id, RestoreTarget{collection, key, *replace == "1"});
      },
      write_options_of(context, request));
  if (!outcome && outcome.error().code == Errc::exists)
    return {Errc::exists, "the key has a value; name another one (?to=, ?to_collection=) or replace it (?replace=1)"};
  if (!outcome) return outcome.error();
  response.add("Location", "/v1/" + percent_encode(collection) + "/" + percent_encode(key));
  response.add_etag(outcome->version);
  if (outcome->expires_ms != 0) response.add("Kvfs-Ttl", format_ttl(outcome->expires_ms, context.store.now_ms()));
  std::string body = "{";
  append_text_member(body, "collection", collection);
  body.push_back(',');
  append_text_member(body, "key", key);
  body.append(",\"version\":\"").append(std::to_string(outcome->version)).append("\"}");
  response.text(outcome->created ? 201 : 200, kJson, body);
  return {};
}

Result<void> drop_removed(Context& context, Request& request, Response& response) {
  const auto tenant = tenant_of(request);
  if (!tenant) return tenant.error();
  const auto id = parse_id(request.key);
  if (!id) return id.error();
  const auto done = context.store.write([&](WriteTxn& txn) { return drop_trashed(txn, *tenant, *id); },
                                        write_options_of(context, request));
  if (!done) return done.error().code == Errc::not_found ? gone() : done.error();
  response.status = 204;
  return {};
}

Result<void> empty_removed(Context& context, Request& request, Response& response) {
  const auto tenant = tenant_of(request);
  if (!tenant) return tenant.error();
  response.content_type = kJson;
  response.source = remove_in_steps(context, [tenant = *tenant](WriteTxn& txn) { return empty_trash(txn, tenant); });
  return {};
}

}  // namespace kvfs::http
