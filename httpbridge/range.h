// The Range field (RFC 9110, section 14): ranges of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs::http {

inline constexpr size_t kRangesMax = 16;

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct RangeOutcome {
  enum class Kind { whole, parts, unsatisfiable };
  Kind kind = Kind::whole;
  std::vector<ByteRange> ranges;  // parts: those that the value has, in the order in which they were asked for
};

/// Malformed fields, other units, more than kRangesMax ranges, and ranges that together are longer than the value are
/// answered with the whole value, as the RFC allows. Empty elements of the list do not count.
RangeOutcome evaluate_range(std::string_view field, uint64_t size);

/// "bytes 0-3/10", for Content-Range.
std::string content_range(const ByteRange& range, uint64_t size);

}  // namespace kvfs::http
