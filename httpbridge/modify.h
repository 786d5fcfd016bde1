// Changes that depend on the present value: read, compute, publish if nobody else changed it meanwhile, again
// otherwise.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "httpbridge/values.h"

namespace kvfs::http {

struct Modified {
  std::string bytes;
  std::string content_type;  // of a value that is new; that of a present one is kept
};
/// `present` is null where there is no value. Its errors are passed on.
using Modification = std::function<Result<Modified>(const Value* present)>;

/// Type, expiry and attributes of a present value stay. `precondition` is the client's own.
/// Errors: precondition_failed, value_too_large (memory_value_bytes_max), busy (changed too often), as put().
Result<PutOutcome> modify_value(Context& context, const Request& request, std::string_view key,
                                const Precondition& precondition, const WriteOptions& write_options,
                                const Modification& modification);

/// Lays `bytes` over the value from `offset` on (nullopt: its end); a gap is zeros, an absent value is made.
/// Costs the bytes written, not the value. Errors: likewise, and out_of_range.
Result<PutOutcome> write_bytes(Context& context, const Request& request, std::string_view key,
                               std::optional<uint64_t> offset, std::string_view bytes, const Precondition& precondition,
                               const WriteOptions& write_options);

}  // namespace kvfs::http
