// The dialect of the HPKV API server: /record with {key, value}, partial updates included.
#include "httpbridge/json_record.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_tree.h"
#include "httpbridge/json_value.h"
#include "httpbridge/modify.h"
#include "httpbridge/precondition.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

/// What a partial update makes of the stored bytes. Errors: wrong_type, invalid.
Result<std::string> updated(const Value& present, const JsonRecord& record) {
  if (is_json_string(record.value)) {
    if (is_json_type(present.content_type)) return {Errc::wrong_type, "text cannot be appended to a JSON value"};
    return present.bytes + decode_json_string(record.value);
  }
  if (record.value.front() != '{')
    return {Errc::invalid, "a partial update is an object (merged into an object) or a string (appended to text)"};
  const std::string_view stored = trim_json(present.bytes);
  if (stored.empty() || stored.front() != '{' || !validate_json(stored))
    return {Errc::wrong_type, "an object can only be merged into a JSON object"};
  JsonNode document = JsonNode::parse(stored);
  merge_patch(document, JsonNode::parse(record.value));
  std::string bytes;
  document.append_to(bytes);
  return bytes;
}

Result<void> update_partially(Context& context, const Request& request, const JsonRecord& record, Response& response) {
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const auto stored = modify_value(context, request, record.key, *precondition, write_options_of(context, request),
                                   [&](const Value* present) -> Result<Modified> {
                                     if (present == nullptr) return Errc::not_found;
                                     auto bytes = updated(*present, record);
                                     if (!bytes) return bytes.error();
                                     return Modified{std::move(*bytes), {}};
                                   });
  if (!stored) return stored.error();
  response.add_etag(stored->version);
  return {};
}

void not_found(Response& response) { response.text(404, kJson, R"({"error":"Record not found"})"); }

Result<void> post_record(Context& context, Request& request, Response& response) {
  const auto body = json_body(request, '{');
  if (!body) return body.error();
  const auto record = parse_full_record(*body);
  if (!record) return record.error();
  auto done = record->partial_update ? update_partially(context, request, *record, response)
                                     : store_record(context, request, *record, response);
  if (!done && done.error().code == Errc::not_found) {
    not_found(response);
    return {};
  }
  if (!done) return done.error();
  response.text(200, kJson,
                record->partial_update ? R"({"success":true,"message":"Record updated",)"
                                       : R"({"success":true,"message":"Record stored",)");
  append_text_member(response.body, "key", record->key);
  response.body.push_back('}');
  return {};
}

Result<void> get_record(Context& context, Request& request, Response& response) {
  auto done = answer_record(context, request, response);
  if (!done && done.error().code == Errc::not_found) {
    not_found(response);
    return {};
  }
  return done;
}

Result<void> delete_record(Context& context, Request& request, Response& response) {
  const auto removed = remove_value(context, request, request.key);
  if (!removed && removed.error().code == Errc::not_found) {
    not_found(response);
    return {};
  }
  if (!removed) return removed.error();
  response.text(200, kJson, R"({"success":true,"message":"Record deleted",)");
  append_text_member(response.body, "key", request.key);
  response.body.push_back('}');
  return {};
}

}  // namespace

std::span<const Route> record_routes() {
  using enum Method;
  static constexpr Route kRoutes[] = {
      {get, "/record/{key}", get_record, Operation::read, Access::read, BodyUse::none, ErrorStyle::dialect},
      {del, "/record/{key}", delete_record, Operation::erase, Access::write, BodyUse::none, ErrorStyle::dialect},
      {post, "/record", post_record, Operation::write, Access::write, BodyUse::memory, ErrorStyle::dialect},
  };
  return kRoutes;
}

}  // namespace kvfs::http
