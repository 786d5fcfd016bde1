// The sizes of the chunk log's segments, and which pages of one are live.
#pragma once

#include <cstdint>
#include <vector>

#include "store/engine/chunk_store.h"

namespace kvfs {

inline constexpr uint32_t kChunkSegmentPages = 65536;  // 256 MiB

constexpr uint32_t pages_of(uint32_t bytes) { return (bytes + kChunkPageBytes - 1) / kChunkPageBytes; }

/// Live pages of a segment. Not thread-safe.
class PageMap {
 public:
  void set(uint32_t page, uint32_t count, bool live);
  bool test(uint32_t page) const { return page < kChunkSegmentPages && (words_[page / 64] >> (page % 64) & 1) != 0; }
  uint32_t live() const { return live_; }
  const std::vector<uint64_t>& words() const { return words_; }
  void assign(std::vector<uint64_t> words);

 private:
  std::vector<uint64_t> words_ = std::vector<uint64_t>(kChunkSegmentPages / 64);
  uint32_t live_ = 0;
};

}  // namespace kvfs
