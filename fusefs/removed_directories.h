// The attributes of directories that were removed while somebody had them open, for fstat(2), fchmod(2) and their like.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "store/key.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class RemovedDirectories {
 public:
  void add(Inode inode, const struct stat& st) {
    const std::lock_guard lock(mutex_);
    struct stat& kept = directories_[inode];
    kept = st;
    kept.st_nlink = 0;
    count_ = directories_.size();
  }
  std::optional<struct stat> find(Inode inode) const {
    if (count_ == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto it = directories_.find(inode);
    if (it == directories_.end()) return std::nullopt;
    return it->second;
  }
  /// Lets `change` have its attributes. False: it is not here.
  bool change(Inode inode, const std::function<void(struct stat&)>& change) {
    if (count_ == 0) return false;
    const std::lock_guard lock(mutex_);
    const auto it = directories_.find(inode);
    if (it == directories_.end()) return false;
    change(it->second);
    return true;
  }
  /// The kernel has forgotten it.
  void drop(Inode inode) {
    if (count_ == 0) return;
    const std::lock_guard lock(mutex_);
    directories_.erase(inode);
    count_ = directories_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Inode, struct stat> directories_;  // guarded by mutex_
  std::atomic<size_t> count_{0};
};

}  // namespace kvfs
