// Memory that is freed all at once: allocation is a pointer increment.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace kvfs {

/// Thread safety: allocate() by one thread at a time; bytes() from any.
class Arena {
 public:
  static constexpr size_t kBlockBytes = 64 * 1024;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Aligned to 8 bytes, uninitialised, valid as long as the arena.
  char* allocate(size_t bytes) {
    bytes = (bytes + 7) & ~size_t{7};
    if (bytes > left_) return allocate_slowly(bytes);
    char* const result = at_;
    at_ += bytes;
    left_ -= bytes;
    return result;
  }

  /// All memory held, the unused rest of blocks included.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  char* allocate_slowly(size_t bytes) {
    // A large piece gets a block of its own, so that at most a quarter of a block is ever wasted.
    if (bytes > kBlockBytes / 4) return new_block(bytes);
    at_ = new_block(kBlockBytes);
    left_ = kBlockBytes;
    return allocate(bytes);
  }
  char* new_block(size_t bytes) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    bytes_.fetch_add(bytes + sizeof(blocks_[0]), std::memory_order_relaxed);
    return blocks_.back().get();
  }

  char* at_ = nullptr;
  size_t left_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace kvfs
