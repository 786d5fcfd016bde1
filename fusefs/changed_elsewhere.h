// Which values another door has changed in the last minute. The kernel takes a file's size and its bytes at two
// moments; for files that somebody else keeps changing, that would show.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "store/key.h"

namespace kvfs {

/// Approximate: may say yes for another file's sake. Thread safety: all functions may be called from any thread.
class ChangedElsewhere {
 public:
  static constexpr uint64_t kRememberedMs = 60'000;

  void note(Inode inode, uint64_t now_ms) { slot(inode).store(now_ms, std::memory_order_release); }
  bool lately(Inode inode, uint64_t now_ms) const {
    const uint64_t at = slots_[inode % slots_.size()].load(std::memory_order_acquire);
    return at != 0 && now_ms < at + kRememberedMs;
  }

 private:
  std::atomic<uint64_t>& slot(Inode inode) { return slots_[inode % slots_.size()]; }
  std::array<std::atomic<uint64_t>, 16'384> slots_{};
};

}  // namespace kvfs
