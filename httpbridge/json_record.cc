#include "httpbridge/json_record.h"

#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"

namespace kvfs::http {

Result<std::string_view> json_body(const Request& request, char opening) {
  if (auto r = validate_json(request.body); !r) return r.error();
  const std::string_view body = trim_json(request.body);
  if (body.front() != opening)
    return {Errc::invalid, opening == '{' ? "the body must be a JSON object" : "the body must be a JSON array"};
  return body;
}

Result<JsonRecord> parse_json_record(std::string_view object) {
  JsonRecord record;
  bool has_key = false;
  for (JsonMembers members(object); members.next();) {
    const std::string& name = members.name();
    const std::string_view value = members.value();
    if (name == "key") {
      if (!is_json_string(value)) return {Errc::invalid, "\"key\" must be a string"};
      record.key = decode_json_string(value);
      has_key = true;
    } else if (name == "value") {
      record.value = value;
    } else if (name == "encoding") {
      record.encoding = is_json_string(value) ? decode_json_string(value) : std::string(value);
    } else if (name == "partialUpdate") {
      if (value != "true" && value != "false") return {Errc::invalid, "\"partialUpdate\" must be true or false"};
      record.partial_update = value == "true";
    } else if (name == "ttl" && value != "null") {
      const auto ms = parse_ttl_ms(value);
      if (!ms) return ms.error();
      record.ttl_ms = *ms;
    }
  }
  if (!has_key || record.key.empty()) return {Errc::invalid, "\"key\" is required and may not be empty"};
  return record;
}

Result<JsonRecord> parse_full_record(std::string_view object) {
  auto record = parse_json_record(object);
  if (record && record->value.data() == nullptr) return {Errc::invalid, "\"value\" is required"};
  return record;
}

Result<void> store_record(Context& context, const Request& request, const JsonRecord& record, Response& response) {
  const auto value = value_from_json(record.value, record.encoding);
  if (!value) return value.error();
  PutOptions options;
  if (!value->content_type.empty()) options.content_type = value->content_type;
  const uint64_t now_ms = context.store.now_ms();
  if (record.ttl_ms) {
    options.expires_ms = *record.ttl_ms == 0 ? 0 : now_ms + *record.ttl_ms;
  } else {
    auto expiry = expiry_of(request, now_ms);
    if (!expiry) return expiry.error();
    options.expires_ms = *expiry;
  }
  const auto stored = store_value(context, request, record.key, value->bytes, options);
  if (!stored) return stored.error();
  response.add_etag(stored->version);
  return {};
}

Result<void> answer_record(Context& context, const Request& request, Response& response) {
  const auto value = fetch_value(context, request, request.key);
  if (!value) return value.error();
  const auto status = evaluate_read(request.headers, value->version, value->mtime_ns);
  if (!status) return status.error();
  response.add_etag(value->version);
  response.text(*status, "application/json", "{");
  append_text_member(response.body, "key", request.key);
  response.body.append(",\"value\":");
  append_value_json(response.body, value->bytes, value->content_type);
  response.body.push_back('}');
  if (*status == 304) {
    response.content_length = response.body.size();  // of what is not sent, for the choice of its encoding
    response.body.clear();
  }
  return {};
}

Result<RangeObject> append_range_object(Context& context, const Request& request, const ListQuery& query,
                                        Response& response) {
  std::string& body = response.body;
  const size_t before = body.size();
  RangeObject object;
  size_t omitted = 0;
  body.push_back('{');
  const auto end =
      read_range(context, request, query, [&](std::string_view key, std::string_view bytes, std::string_view type) {
        if (!valid_utf8(key)) {
          ++omitted;
          return true;
        }
        if (object.members++ > 0) body.push_back(',');
        append_json_string(body, key);
        body.push_back(':');
        append_value_json(body, bytes, type);
        return body.size() - before < context.options.answer_bytes_max;
      });
  if (!end) {
    body.resize(before);
    return end.error();
  }
  body.push_back('}');
  if (end->cursor) {
    object.cursor = encode_cursor(*end->cursor);
    response.add("Kvfs-Truncated", "true");
    response.add("Kvfs-Cursor", object.cursor);
    std::string next(request.path);
    char separator = '?';
    for (QueryFields fields(request.query);;) {
      const auto more = fields.next();
      if (!more || !*more) break;
      if (fields.name() == "cursor") continue;
      next.append(1, separator)
          .append(percent_encode(fields.name()))
          .append("=")
          .append(percent_encode(fields.value()));
      separator = '&';
    }
    next.append(1, separator).append("cursor=").append(object.cursor);
    response.add_untrusted("Link", "<" + next + ">; rel=\"next\"");
  }
  if (omitted > 0) response.add("Kvfs-Omitted-Keys", omitted);
  return object;
}

}  // namespace kvfs::http
