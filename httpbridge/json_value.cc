#include "httpbridge/json_value.h"

#include <boost/beast/core/string.hpp>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

bool is_json_type(std::string_view content_type) {
  content_type = trim_json(content_type.substr(0, content_type.find(';')));
  if (equals_ignoring_case(content_type, "application/json")) return true;
  return content_type.size() > 5 && equals_ignoring_case(content_type.substr(content_type.size() - 5), "+json");
}

Result<JsonStored> value_from_json(std::string_view raw, std::string_view encoding) {
  if (!encoding.empty()) {
    if (encoding != "base64" || !is_json_string(raw))
      return {Errc::invalid, "\"encoding\" may only be \"base64\", and \"value\" must then be a string"};
    auto bytes = decode_base64(decode_json_string(raw));
    if (!bytes) return bytes.error();
    return JsonStored{std::move(*bytes), {}};
  }
  if (is_json_string(raw)) return JsonStored{decode_json_string(raw), "text/plain"};
  JsonStored stored{{}, "application/json"};
  append_compact_json(stored.bytes, raw);
  return stored;
}

void append_value_json(std::string& out, std::string_view bytes, std::string_view content_type) {
  const std::string_view trimmed = trim_json(bytes);
  const bool bracketed = !trimmed.empty() && (trimmed.front() == '{' || trimmed.front() == '[');
  if ((is_json_type(content_type) || (content_type.empty() && bracketed)) && validate_json(trimmed)) {
    append_compact_json(out, trimmed);
  } else if (valid_utf8(bytes)) {
    append_json_string(out, bytes);
  } else {
    out.append("{\"value\":\"");
    append_base64(out, bytes);
    out.append("\",\"encoding\":\"base64\"}");
  }
}

}  // namespace kvfs::http
