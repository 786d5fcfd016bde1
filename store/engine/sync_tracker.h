// Which commits are not yet durable, and when the durability policies want them to be.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>

#include "store/engine/engine.h"

namespace kvfs {

inline constexpr uint64_t kSystemSyncMs = 1000;  // `fsync = default`: unsynced for at most about this long

/// Thread safety: all functions may be called from any thread. Times are those of coarse_now_ms().
class SyncTracker {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  struct Demand {
    bool now = false;       // the policy forbids to acknowledge the commit before a sync
    bool sooner = false;    // a sync in the background is due earlier than it was
  };
  /// In commit order. Of a strict commit nothing is demanded: it syncs anyway.
  Demand committed(Sequence sequence, const Durability& durability, uint64_t now_ms);

  /// Commits from now on are not covered by a sync that begins after this call.
  void sync_begins();
  /// All commits up to `durable` are durable.
  void synced(Sequence durable);

  /// When the next sync in the background is due; kNever: nothing is unsynced.
  uint64_t due_ms() const;
  uint64_t operations() const;
  /// 0: nothing is unsynced.
  uint64_t oldest_age_ms(uint64_t now_ms) const;

 private:
  // Commits between two beginnings of syncs.
  struct Epoch {
    Sequence last = 0;
    uint64_t operations = 0;
    uint64_t first_ms = 0;
    uint64_t operations_max = kNever;  // the smallest `every=N`
    uint64_t age_ms_max = kNever;      // the smallest `interval=MS`
    uint64_t due_ms = kNever;
  };
  mutable std::mutex mutex_;
  std::deque<Epoch> epochs_;   // guarded by mutex_; oldest first
  bool closed_ = true;         // guarded by mutex_: the last epoch takes no more commits
};

}  // namespace kvfs
