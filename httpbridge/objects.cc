// The dialect of kv-service: /objects with {key, value}, any JSON value.
#include "httpbridge/json_record.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/url.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

void tell(Response& response, std::string_view message, std::string_view key) {
  response.text(200, kJson, "{\"message\":");
  append_json_string(response.body, message);
  response.body.push_back(',');
  append_text_member(response.body, "key", key);
  response.body.push_back('}');
}

/// Any not_found here means the key.
Error named(const Error& error) {
  return error.code == Errc::not_found ? Error{Errc::not_found, "Key not found"} : error;
}

Result<void> put_object(Context& context, Request& request, Response& response) {
  const auto body = json_body(request, '{');
  if (!body) return body.error();
  const auto record = parse_full_record(*body);
  if (!record) return record.error();
  if (auto done = store_record(context, request, *record, response); !done) return done;
  tell(response, "Object stored successfully", record->key);
  return {};
}

Result<void> get_object(Context& context, Request& request, Response& response) {
  auto done = answer_record(context, request, response);
  if (!done) return named(done.error());
  return {};
}

Result<void> delete_object(Context& context, Request& request, Response& response) {
  const auto removed = remove_value(context, request, request.key);
  if (!removed) return named(removed.error());
  tell(response, "Object deleted successfully", request.key);
  return {};
}

/// {"count": N, "objects": {...}}: as many as list_limit_max, from ?cursor= on; "cursor" where there are more.
Result<void> list_objects(Context& context, Request& request, Response& response) {
  ListQuery query;
  const auto limit = limit_of(request.query, context.options.list_limit_max, context.options.list_limit_max);
  if (!limit) return limit.error();
  query.limit = *limit;
  const auto cursor = query_value(request.query, "cursor");
  if (!cursor) return cursor.error();
  if (*cursor) {
    auto after = decode_cursor(**cursor);
    if (!after) return after.error();
    query.after = std::move(*after);
  }
  const auto prefix = query_value(request.query, "prefix");
  if (!prefix) return prefix.error();
  if (*prefix) query.prefix = **prefix;
  response.content_type = kJson;
  const auto object = append_range_object(context, request, query, response);
  if (!object) return object.error();
  response.body.insert(0, "{\"count\":" + std::to_string(object->members) + ",\"objects\":");
  if (!object->cursor.empty()) response.body.append(",\"cursor\":\"").append(object->cursor).append("\"");
  response.body.push_back('}');
  return {};
}

}  // namespace

std::span<const Route> objects_routes() {
  using enum Method;
  constexpr auto kDialect = ErrorStyle::dialect;
  static constexpr Route kRoutes[] = {
      {get, "/objects/{key}", get_object, Operation::read, Access::read, BodyUse::none, kDialect},
      {del, "/objects/{key}", delete_object, Operation::erase, Access::write, BodyUse::none, kDialect},
      {get, "/objects", list_objects, Operation::scan, Access::read, BodyUse::none, kDialect},
      {put, "/objects", put_object, Operation::write, Access::write, BodyUse::memory, kDialect},
      {post, "/objects", put_object, Operation::write, Access::write, BodyUse::memory, kDialect},
  };
  return kRoutes;
}

}  // namespace kvfs::http
