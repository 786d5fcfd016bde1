#include "store/engine/chunk_segment.h"

#include <bit>
#include <utility>

namespace kvfs {

void PageMap::set(uint32_t page, uint32_t count, bool live) {
  for (uint32_t i = page; i < page + count && i < kChunkSegmentPages; ++i) {
    if (test(i) == live) continue;
    words_[i / 64] ^= uint64_t{1} << (i % 64);
    live_ += live ? 1 : -1;
  }
}

void PageMap::assign(std::vector<uint64_t> words) {
  words_ = std::move(words);
  words_.resize(kChunkSegmentPages / 64);
  live_ = 0;
  for (const uint64_t word : words_) live_ += static_cast<uint32_t>(std::popcount(word));
}

}  // namespace kvfs
