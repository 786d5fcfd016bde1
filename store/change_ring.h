// The newest changes, packed: publishing costs a copy into a block of bytes, reading makes changes of them again.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "store/change_log.h"

namespace kvfs {

/// Thread safety: none.
class ChangeRing {
 public:
  /// `start`: ids up to it count as dropped.
  ChangeRing(size_t capacity, uint64_t start) : capacity_(capacity), dropped_through_(start), last_(start) {}

  /// Drops the oldest where there are more than `capacity`. REQUIRES: ids grow.
  void push(const ChangeLog& changes);
  /// Up to `count_max` changes with id > `after`, oldest first.
  std::vector<ChangePtr> read(uint64_t after, size_t count_max) const;
  uint64_t dropped_through() const;
  uint64_t last() const { return last_; }

 private:
  struct Block {
    std::string bytes;
    std::vector<uint32_t> ends;  // of its changes
    size_t dropped = 0;          // of them
    uint64_t last_id = 0;

    std::string_view packed(size_t i) const {
      const size_t begin = i == 0 ? 0 : ends[i - 1];
      return std::string_view(bytes).substr(begin, ends[i] - begin);
    }
  };
  void push(std::string_view packed);
  void drop(size_t count);

  const size_t capacity_;
  std::deque<Block> blocks_;
  Block spare_;  // the memory of a block that is empty
  size_t count_ = 0;
  uint64_t dropped_through_;  // where the first block has dropped none
  uint64_t last_;
};

}  // namespace kvfs
