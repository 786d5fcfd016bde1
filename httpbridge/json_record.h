// The body {"key": ..., "value": ...} that the dialects have in common, and their answers' small pieces.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "httpbridge/request.h"
#include "httpbridge/response.h"
#include "httpbridge/values.h"
#include "store/result.h"

namespace kvfs::http {

/// The body as valid JSON that begins with `opening` ('{'). A missing or curl's default Content-Type is taken as JSON.
/// Errors: invalid.
Result<std::string_view> json_body(const Request& request, char opening);

struct JsonRecord {
  std::string key;
  std::string_view value;  // raw, a view into the body; null data(): none was given
  std::string encoding;    // "base64" or empty
  bool partial_update = false;
  std::optional<uint64_t> ttl_ms;
};
/// REQUIRES: valid JSON that begins with '{'. Errors: invalid (no key, a key that is no string, a bad member).
Result<JsonRecord> parse_json_record(std::string_view object);
/// Likewise, and a value must be there.
Result<JsonRecord> parse_full_record(std::string_view object);

/// Stores the record's value in the request's collection, if its conditions hold; adds the ETag.
Result<void> store_record(Context& context, const Request& request, const JsonRecord& record, Response& response);

/// {"key", "value"} of the request's key, with its ETag, or what conditions make of it. Errors: as fetch_value(),
/// precondition_failed.
Result<void> answer_record(Context& context, const Request& request, Response& response);

struct RangeObject {
  size_t members = 0;
  std::string cursor;  // encoded; empty: nothing was cut
};
/// Key to value as a JSON object, keys in order; what was cut or could not be told is said in header fields, too:
/// Kvfs-Truncated, Kvfs-Cursor, Link; Kvfs-Omitted-Keys (not UTF-8, so no JSON name).
Result<RangeObject> append_range_object(Context& context, const Request& request, const ListQuery& query,
                                        Response& response);

}  // namespace kvfs::http
