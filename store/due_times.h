// When something may be due next: what a sweep asks before it looks at rows, which puts all recent keys into order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>

#include "store/key.h"

namespace kvfs {

/// Times of tenants, in milliseconds since 1970; 0, to look now, where nothing is known. Thread safety: all functions
/// may be called from any thread.
class DueTimes {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  /// Something of the tenant is due then. REQUIRES: readers see its row by now, or this call follows when they do.
  void add(DirId tenant, uint64_t due_ms) {
    const std::lock_guard lock(mutex_);
    if (const auto found = times_.find(tenant); found != times_.end()) found->second = std::min(found->second, due_ms);
  }
  /// Whether anything may be due. True: nothing is known any more but what is added from now on; the caller looks at a
  /// snapshot that it takes afterwards, and adds what is due next there, or `now_ms` where it could not look.
  bool take(DirId tenant, uint64_t now_ms) {
    const std::lock_guard lock(mutex_);
    uint64_t& due_ms = times_.try_emplace(tenant, 0).first->second;
    if (due_ms > now_ms) return false;
    due_ms = kNever;
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<DirId, uint64_t> times_;  // guarded by mutex_
};

}  // namespace kvfs
