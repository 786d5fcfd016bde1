// JSON patch (RFC 6902).
#pragma once

#include <cstdint>
#include <functional>

#include "httpbridge/json_tree.h"

namespace kvfs::http {

struct JsonPatchLimits {
  size_t bytes_max = SIZE_MAX;                                            // of the document, at any moment
  std::function<Result<void>()> in_time = [] { return Result<void>(); };  // asked before each operation
  size_t* bytes_peak = nullptr;                                           // raised to what the document had at most
};
/// RFC 6902: all operations or none. Errors: invalid (malformed operation, or nested deeper than kJsonDepthMax),
/// precondition_failed (a "test" that does not hold), not_found (a path that leads nowhere), value_too_large (a few
/// copies could double the document as often), each naming the operation's number; and those of in_time.
Result<void> json_patch(JsonNode& document, const JsonNode& operations, const JsonPatchLimits& limits = {});

}  // namespace kvfs::http
