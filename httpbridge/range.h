// The Range field (RFC 9110, section 14): one range of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kvfs::http {

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct RangeOutcome {
  enum class Kind { whole, part, unsatisfiable };
  Kind kind = Kind::whole;
  ByteRange range;
};

/// Malformed fields, other units and several ranges are answered with the whole value, as the RFC allows. Empty
/// elements of the list do not count.
RangeOutcome evaluate_range(std::string_view field, uint64_t size);

}  // namespace kvfs::http
