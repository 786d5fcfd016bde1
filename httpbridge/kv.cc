// The dialect of the trie key-value store: /kv/{key} with raw bodies, /bulk with JSON maps.
#include "httpbridge/json_record.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

/// Old keys of that store were the same whatever their case: on demand they still are.
void fold(const Context& context, std::string& key) {
  if (!context.options.case_insensitive) return;
  for (char& c : key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
}

void tell(Response& response, std::string_view message, std::string_view key) {
  response.text(200, kJson, "{\"message\":");
  append_json_string(response.body, message);
  response.body.push_back(',');
  append_text_member(response.body, "key", key);
  response.body.push_back('}');
}

Result<void> get_kv(Context& context, Request& request, Response& response) {
  fold(context, request.key);
  auto done = v1_get(context, request, response);
  if (!done && done.error().code == Errc::not_found) return {Errc::not_found, "Key not found"};
  if (done && response.content_type == "application/octet-stream" && !response.source && valid_utf8(response.body))
    response.content_type = "text/plain; charset=utf-8";
  return done;
}

Result<void> put_kv(Context& context, Request& request, Response& response) {
  fold(context, request.key);
  if (auto done = v1_put(context, request, response); !done) return done;
  if (response.status < 300) tell(response, "Key stored successfully", request.key);
  return {};
}

Result<void> delete_kv(Context& context, Request& request, Response& response) {
  fold(context, request.key);
  auto done = v1_delete(context, request, response);
  if (!done && done.error().code == Errc::not_found) return {Errc::not_found, "Key not found"};
  if (!done) return done;
  if (response.status < 300) tell(response, "Key deleted successfully", request.key);
  return {};
}

Result<void> post_bulk(Context& context, Request& request, Response& response) {
  const auto body = json_body(request, '{');
  if (!body) return body.error();
  std::vector<NewValue> values;
  for (JsonMembers members(*body); members.next();) {
    if (values.size() == context.options.batch_count_max)
      return {Errc::value_too_large,
              "a bulk write may have at most batch_count_max, " + std::to_string(values.size()) + " keys"};
    auto value = value_from_json(members.value());
    if (!value) return value.error();
    NewValue& added = values.emplace_back(NewValue{members.name(), std::move(value->bytes), value->content_type, {}});
    fold(context, added.key);
  }
  if (auto done = store_values(context, request, values); !done) return done;
  response.text(200, kJson, "{\"message\":\"Bulk insert successful\",\"count\":" + std::to_string(values.size()) + "}");
  return {};
}

Result<void> get_bulk_range(Context& context, Request& request, Response& response) {
  ListQuery query;
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    if (fields.name() == "start_key" || fields.name() == "end_key") {
      std::string key = fields.value();
      fold(context, key);
      (fields.name() == "start_key" ? query.start : query.end_incl) = std::move(key);
    } else if (fields.name() == "cursor") {
      auto after = decode_cursor(fields.value());
      if (!after) return after.error();
      query.after = std::move(*after);
    }
  }
  const auto limit = limit_of(request.query, context.options.max_range_response, context.options.max_range_response);
  if (!limit) return limit.error();
  query.limit = *limit;
  response.content_type = kJson;
  const auto object = append_range_object(context, request, query, response);
  if (!object) return object.error();
  return {};
}

}  // namespace

std::span<const Route> kv_routes() {
  using enum Method;
  constexpr auto kDialect = ErrorStyle::dialect;
  static constexpr Route kRoutes[] = {
      {get, "/kv/{key}", get_kv, Operation::read, Access::read, BodyUse::none, kDialect},
      {post, "/kv/{key}", put_kv, Operation::write, Access::write, BodyUse::value, kDialect},
      {put, "/kv/{key}", put_kv, Operation::write, Access::write, BodyUse::value, kDialect},
      {del, "/kv/{key}", delete_kv, Operation::erase, Access::write, BodyUse::none, kDialect},
      {get, "/bulk/range", get_bulk_range, Operation::scan, Access::read, BodyUse::none, kDialect},
      {post, "/bulk", post_bulk, Operation::batch, Access::write, BodyUse::memory, kDialect},
  };
  return kRoutes;
}

}  // namespace kvfs::http
