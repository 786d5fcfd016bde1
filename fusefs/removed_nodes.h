// What is left of files, links and directories that were removed while somebody had them open in a way that the store
// does not know of: as a directory, or with O_PATH. For fstat(2), fchmod(2), readlinkat(2), fgetxattr(2) and their
// like; and for open(2) of a name that is replaced at that moment.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/key.h"

namespace kvfs {

struct RemovedNode {
  struct stat st {};
  std::string xattrs;                // encoded, see entry.h
  std::string target;                // of a symbolic link
  std::optional<std::string> value;  // of a small file that a rename replaced
};

/// Thread safety: all functions may be called from any thread.
class RemovedNodes {
 public:
  void add(RemovedNode node) {
    node.st.st_nlink = 0;
    const std::lock_guard lock(mutex_);
    nodes_.insert_or_assign(node.st.st_ino, std::move(node));
    count_ = nodes_.size();
  }
  std::optional<RemovedNode> find(Inode inode) const {
    if (count_ == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto it = nodes_.find(inode);
    if (it == nodes_.end()) return std::nullopt;
    return it->second;
  }
  /// Lets `change` have it. False: it is not here.
  bool change(Inode inode, const std::function<void(RemovedNode&)>& change) {
    if (count_ == 0) return false;
    const std::lock_guard lock(mutex_);
    const auto it = nodes_.find(inode);
    if (it == nodes_.end()) return false;
    change(it->second);
    return true;
  }
  /// The kernel has forgotten it.
  void drop(Inode inode) {
    if (count_ == 0) return;
    const std::lock_guard lock(mutex_);
    nodes_.erase(inode);
    count_ = nodes_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Inode, RemovedNode> nodes_;  // guarded by mutex_
  std::atomic<size_t> count_{0};
};

}  // namespace kvfs
