// The dialect of the distributed kv-store: /put, /get, /batch, /scan, /delete with plain-text answers.
// Its /metrics is with the other operations.
#include "httpbridge/json_record.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

/// Errors: invalid (no ?key=).
Result<void> read_key(Request& request) {
  auto key = query_value(request.query, "key");
  if (!key) return key.error();
  if (!*key || (*key)->empty()) return {Errc::invalid, "the query must name a key: ?key=..."};
  request.key = std::move(**key);
  return {};
}

Result<void> post_put(Context& context, Request& request, Response& response) {
  const auto body = json_body(request, '{');
  if (!body) return body.error();
  const auto record = parse_full_record(*body);
  if (!record) return record.error();
  if (auto done = store_record(context, request, *record, response); !done) return done;
  response.text(200, kText, "OK");
  return {};
}

Result<void> get_get(Context& context, Request& request, Response& response) {
  if (auto r = read_key(request); !r) return r;
  auto done = v1_get(context, request, response);
  if (!done && done.error().code == Errc::not_found) {
    response.text(404, kText, "Not Found");
    return {};
  }
  if (done && response.status == 200 && !response.source &&
      (response.content_type == "application/octet-stream" || response.content_type == "text/plain") &&
      valid_utf8(response.body))
    response.content_type = kText;
  return done;
}

Result<void> post_batch(Context& context, Request& request, Response& response) {
  const auto body = json_body(request, '{');
  if (!body) return body.error();
  std::string_view items;
  for (JsonMembers members(*body); members.next();)
    if (members.name() == "items") items = members.value();
  if (items.empty() || items.front() != '[')
    return {Errc::invalid, "\"items\" must be an array of {\"key\", \"value\"}"};
  std::vector<NewValue> values;
  for (JsonElements elements(items); elements.next();) {
    const std::string which = "item " + std::to_string(values.size()) + ": ";
    if (values.size() == context.options.batch_count_max)
      return {Errc::value_too_large,
              "a batch may have at most batch_count_max, " + std::to_string(values.size()) + " items"};
    if (elements.value().front() != '{') return {Errc::invalid, which + "must be an object"};
    auto record = parse_full_record(elements.value());
    if (!record) return {record.error().code, which + record.error().message()};
    auto value = value_from_json(record->value, record->encoding);
    if (!value) return {value.error().code, which + value.error().message()};
    values.push_back({std::move(record->key), std::move(value->bytes), value->content_type, record->ttl_ms});
  }
  if (auto done = store_values(context, request, values); !done) return done;
  response.text(200, kText, "Batch Processed");
  return {};
}

Result<void> get_scan(Context& context, Request& request, Response& response) {
  ListQuery query;
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    if (fields.name() == "start") {
      query.start = fields.value();
    } else if (fields.name() == "end") {
      query.end_incl = fields.value();
    } else if (fields.name() == "cursor") {
      auto after = decode_cursor(fields.value());
      if (!after) return after.error();
      query.after = std::move(*after);
    }
  }
  const auto limit = limit_of(request.query, context.options.list_limit_default, context.options.list_limit_max);
  if (!limit) return limit.error();
  query.limit = *limit;
  response.content_type = "application/json";
  const auto object = append_range_object(context, request, query, response);
  if (!object) return object.error();
  return {};
}

/// A key that is not there is as deleted as one that was.
Result<void> post_delete(Context& context, Request& request, Response& response) {
  if (auto r = read_key(request); !r) return r;
  const auto removed = remove_value(context, request, request.key);
  if (!removed && removed.error().code != Errc::not_found) return removed.error();
  response.text(200, kText, "Deleted");
  return {};
}

}  // namespace

std::span<const Route> cluster_routes() {
  using enum Method;
  constexpr auto kDialect = ErrorStyle::dialect;
  static constexpr Route kRoutes[] = {
      {get, "/get", get_get, Operation::read, Access::read, BodyUse::none, kDialect},
      {post, "/put", post_put, Operation::write, Access::write, BodyUse::memory, kDialect},
      {put, "/put", post_put, Operation::write, Access::write, BodyUse::memory, kDialect},
      {post, "/batch", post_batch, Operation::batch, Access::write, BodyUse::memory, kDialect},
      {get, "/scan", get_scan, Operation::scan, Access::read, BodyUse::none, kDialect},
      {post, "/delete", post_delete, Operation::erase, Access::write, BodyUse::none, kDialect},
      {del, "/delete", post_delete, Operation::erase, Access::write, BodyUse::none, kDialect},
  };
  return kRoutes;
}

}  // namespace kvfs::http
