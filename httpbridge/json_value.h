// How values and JSON become one another at the JSON dialects (docs/http.md, "Values and JSON").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs::http {

struct JsonStored {
  std::string bytes;
  std::string_view content_type;  // static
};
/// A JSON string as its text (text/plain), anything else as compact JSON (application/json). With `encoding` "base64"
/// a string is taken as encoded bytes without a type. REQUIRES: `raw` is valid JSON. Errors: invalid.
Result<JsonStored> value_from_json(std::string_view raw, std::string_view encoding = {});

/// Appends the value as JSON: parsed where its type is JSON (or unset, and it is an object or array), a string for
/// other UTF-8, {"value": base64, "encoding": "base64"} for the rest.
void append_value_json(std::string& out, std::string_view bytes, std::string_view content_type);

/// True for application/json and types that end in +json, whatever their parameters.
bool is_json_type(std::string_view content_type);

}  // namespace kvfs::http
