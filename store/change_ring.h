// The newest changes, packed: publishing costs a copy into a block of bytes, reading makes changes of them again.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "store/changes.h"

namespace kvfs {

/// Thread safety: none.
class ChangeRing {
 public:
  /// `start`: ids up to it count as dropped.
  ChangeRing(size_t capacity, uint64_t start) : capacity_(capacity), dropped_through_(start), last_(start) {}

  /// Drops the oldest where there are more than `capacity`. REQUIRES: ids grow.
  void push(const Change& change);
  /// Up to `count_max` changes with id > `after`, oldest first.
  std::vector<ChangePtr> read(uint64_t after, size_t count_max) const;
  uint64_t dropped_through() const { return dropped_through_; }
  uint64_t last() const { return last_; }

 private:
  struct Block {
    std::string bytes;
    size_t begin = 0;      // of the first record that was not dropped
    uint64_t last_id = 0;  // of its last record
  };
  void drop_first();

  const size_t capacity_;
  std::deque<Block> blocks_;
  std::string spare_;  // the memory of a block that is empty
  size_t count_ = 0;
  uint64_t dropped_through_;
  uint64_t last_;
};

}  // namespace kvfs
