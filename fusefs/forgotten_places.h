// What is remembered of inodes that the kernel has forgotten, for servers that re-export the mount: they hand out
// inode numbers, and come back with them at any time.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "fusefs/generations.h"
#include "fusefs/node_table.h"

namespace kvfs {

/// Remembers a bounded number of places, and nothing before the first question. Thread safety: all functions may be
/// called from any thread.
class ForgottenPlaces {
 public:
  static constexpr size_t kPlacesMax = 2 * 65'536;

  /// Somebody opens by inode number.
  void begin() { wanted_.store(true, std::memory_order_relaxed); }
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  /// Where the inode was; in no directory: it is gone for good, since numbers are never given out again.
  void add(Inode inode, Place place) {
    const std::lock_guard lock(mutex_);
    places_.put(inode, std::move(place));
  }
  std::optional<Place> find(Inode inode) const {
    const std::lock_guard lock(mutex_);
    const Place* place = places_.find(inode);
    return place != nullptr ? std::optional(*place) : std::nullopt;
  }

 private:
  std::atomic<bool> wanted_{false};
  mutable std::mutex mutex_;
  Generations<Inode, Place> places_{kPlacesMax};  // guarded by mutex_
};

}  // namespace kvfs
