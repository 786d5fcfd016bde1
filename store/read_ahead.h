// What a long read of a large value, a piece at a time, will ask for next: so that the disk works while pieces are
// copied. The system's own readahead sees a chunk at a time, and the kernel's behind a mount asks for little at once.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kvfs {

/// Two of it may be on their way for each reader.
inline constexpr uint64_t kReadAheadBytes = 1024 * 1024;
/// Smaller reads are at random, for all that is known.
inline constexpr uint64_t kReadAheadFrom = 64 * 1024;

struct ByteSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
  bool empty() const { return begin >= end; }
  bool operator==(const ByteSpan&) const = default;
};

/// What the read of [begin, end) out of `size` bytes should have fetched: the first one the rest of its window and the
/// next one, and each that enters a window the one behind it; nothing for all others.
constexpr ByteSpan to_read_ahead(uint64_t begin, uint64_t end, uint64_t size) {
  if (end - begin < kReadAheadFrom) return {};
  const uint64_t window = end / kReadAheadBytes;
  const uint64_t behind_next = std::min(size, (window + 2) * kReadAheadBytes);
  if (begin == 0) return {end, behind_next};
  if (begin / kReadAheadBytes == window) return {};
  return {(window + 1) * kReadAheadBytes, behind_next};
}

}  // namespace kvfs
