// What was published lately: a request that read the store just before a publication, and looked for staged bytes just
// after it, would otherwise tell the kernel a size that a program has already written beyond.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "store/entry.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class RecentPublications {
 public:
  /// More publications than can happen during one request.
  static constexpr size_t kKept = 4096;

  /// `entry` is what the publication made. To be called before what was staged is dropped.
  void add(const Entry& entry);
  /// Brings attributes that were read at `version` up to the publication, where it is newer.
  void apply(Version version, struct stat& st) const;

 private:
  struct Published {
    Version version = 0;
    uint64_t size = 0;
    uint64_t bytes = 0;
    int64_t mtime_ns = 0;
    int64_t ctime_ns = 0;
    uint32_t mode = 0;
  };
  mutable std::mutex mutex_;
  std::unordered_map<Inode, Published> by_inode_;  // guarded by mutex_
  std::deque<std::pair<Inode, Version>> order_;    // guarded by mutex_
};

}  // namespace kvfs
