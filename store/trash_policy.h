// What is kept in the trash, for how long and how much of it, by the settings of the store, tenants and collections;
// and how much there is. Knows nothing of rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "store/entry.h"

namespace kvfs {

struct TrashOptions {
  uint64_t keep_ms = 0;                    // how long removed values are kept; 0: not at all
  uint64_t bytes_max = uint64_t{1} << 30;  // of each tenant
  uint64_t keys_max = 100'000;             // likewise
};

/// Thread safety: all functions may be called from any thread. Its lock is a leaf.
class TrashPolicy {
 public:
  struct Limits {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };
  struct Use {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };

  /// False: nothing that is removed is kept. Costs one load.
  bool keeps() const { return keeps_.load(std::memory_order_relaxed); }
  /// How long what is removed there now is kept: as the collection says, or the tenant, or the store. 0: not at all.
  uint64_t keep_ms(DirId tenant, DirId collection) const;
  /// Of a tenant's trash, whatever its quota leaves.
  Limits limits(DirId tenant) const;

  /// Of the store.
  void set_options(const TrashOptions& options);
  void set_settings(DirId dir, const Settings& settings);
  /// While space is short nothing is kept, since a removal has to give some back.
  void pause(bool paused);
  bool paused() const { return paused_.load(std::memory_order_relaxed); }

  /// What the trash of a tenant holds, 0: of all.
  Use use(DirId tenant) const;
  void add_use(DirId tenant, int64_t keys, int64_t bytes);
  /// Those whose trash holds anything.
  std::vector<DirId> tenants() const;

 private:
  struct Own {
    std::optional<uint64_t> keep_ms;
    uint64_t keys_max = 0;
    uint64_t bytes_max = 0;
  };
  void decide_locked();

  mutable std::mutex mutex_;
  TrashOptions options_;       // guarded by mutex_
  std::map<DirId, Own> own_;   // guarded by mutex_
  std::map<DirId, Use> uses_;  // guarded by mutex_: those that are not empty
  std::atomic<bool> paused_{false};
  std::atomic<bool> keeps_{false};
};

}  // namespace kvfs
