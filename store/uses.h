// Notes how values are used, where reads and writes of them pass: the one hook of eviction in their paths.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>

#include "store/access_counts.h"
#include "store/access_history.h"
#include "store/arc_list.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class Uses {
 public:
  explicit Uses(size_t history_bytes_max) : history(history_bytes_max), ghosts_max_(history_bytes_max / 8) {}

  AccessHistory history;
  AccessCounts counts;

  /// A value was read or replaced.
  void used(const Slot& slot, uint64_t now_ms) {
    if (history.enabled()) history.touch(AccessHistory::hash(slot.dir, slot.name), now_ms);
  }
  void made(DirId tenant, const Slot& slot, uint64_t now_ms) {
    if (history.enabled()) made_known(tenant, slot, now_ms);
  }

  /// The tenant's values are evicted by ARC from now on. Made once for a tenant.
  ArcList& arc(DirId tenant);

 private:
  void made_known(DirId tenant, const Slot& slot, uint64_t now_ms);

  const size_t ghosts_max_;
  mutable std::shared_mutex mutex_;
  std::map<DirId, std::unique_ptr<ArcList>> arcs_;  // guarded by mutex_; entries stay
};

}  // namespace kvfs
