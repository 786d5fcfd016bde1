// Where readers of large sets stopped, so that a reader who goes on from there need not walk the set from its start.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class ReadMarks {
 public:
  struct Mark {
    uint64_t owner = 0;    // of the elements
    uint64_t version = 0;  // of the set
    uint64_t offset = 0;   // in its text
    uint64_t hash = 0;     // the members from this hash on begin there
  };
  void add(const Mark& mark) {
    const std::lock_guard lock(mutex_);
    marks_[next_++ % marks_.size()] = mark;
  }
  /// The mark nearest before `offset` (or at it).
  std::optional<Mark> find(uint64_t owner, uint64_t version, uint64_t offset) const {
    const std::lock_guard lock(mutex_);
    std::optional<Mark> best;
    for (const Mark& mark : marks_)
      if (mark.owner == owner && mark.version == version && mark.offset <= offset &&
          (!best || best->offset < mark.offset))
        best = mark;
    return best;
  }

 private:
  mutable std::mutex mutex_;
  std::array<Mark, 64> marks_;  // guarded by mutex_
  size_t next_ = 0;             // guarded by mutex_
};

}  // namespace kvfs
