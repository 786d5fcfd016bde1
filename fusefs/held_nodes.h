// Nodes that are held in the store while the kernel knows them: FIFOs, sockets and devices. They are opened without
// the mount being told, so any of them may be open when its last name goes.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "store/key.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class HeldNodes {
 public:
  /// False: it was there.
  bool add(Inode inode) {
    const std::lock_guard lock(mutex_);
    const bool added = inodes_.insert(inode).second;
    count_ = inodes_.size();
    return added;
  }
  /// False: it was not there.
  bool drop(Inode inode) {
    if (count_ == 0) return false;
    const std::lock_guard lock(mutex_);
    const bool dropped = inodes_.erase(inode) > 0;
    count_ = inodes_.size();
    return dropped;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<Inode> inodes_;  // guarded by mutex_
  std::atomic<size_t> count_{0};
};

}  // namespace kvfs
