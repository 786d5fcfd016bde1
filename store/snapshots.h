// Named snapshots: consistent read-only views of the store, kept for minutes or hours under a name, each until it is
// dropped, its lease ends, or the process does. The mount shows them as .kvfs/snapshots/NAME.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "store/engine/background_task.h"
#include "store/store.h"

namespace kvfs {

struct SnapshotOptions {
  size_t count_max = 16;                                  // named snapshots at a time, of all tenants together
  uint64_t lease_ms_default = 60 * 60 * 1000;             // where none is asked for
  uint64_t lease_ms_max = uint64_t{24} * 60 * 60 * 1000;  // what is asked for is cut to this
};

/// A snapshot. Whoever holds one when it is dropped gets `stale` from then on: dropping gives back at once what it
/// cost. Values are judged expired by the moment it was taken at, so it never changes. Thread safety: all functions may
/// be called from any thread; reads of one snapshot take turns.
class NamedSnapshot {
 public:
  const std::string& name() const { return name_; }
  DirId tenant() const { return tenant_; }  // 0: of all
  /// What to show as its top: the root directory or the tenant's.
  DirId root() const { return tenant_ == 0 ? kRootDir : tenant_; }
  Sequence sequence() const { return sequence_; }
  uint64_t taken_ms() const { return taken_ms_; }       // since 1970
  uint64_t ends_ms() const { return ends_ms_.load(); }  // since 1970: the end of its lease

  /// Runs `body(const ReadTxn&) -> Result<T>` and returns what it returns. Short: others wait. Errors of its own: stale
  /// (dropped). Copy out what must outlive the body; a ValueReader made in it may be used after it, also once the
  /// snapshot is dropped.
  template <class Body>
  auto read(Body&& body) const -> std::invoke_result_t<Body, const ReadTxn&> {
    const std::lock_guard lock(mutex_);
    if (rows_ == nullptr) return dropped();
    const Txn txn(runtime_, *rows_, taken_ms_);
    return body(txn);
  }

 private:
  friend class Snapshots;

  /// The store's caches tell of the present: not for a view of the past.
  class Txn final : public ReadTxn {
   public:
    Txn(Runtime& runtime, const Snapshot& rows, uint64_t now_ms) : ReadTxn(runtime, rows, now_ms, 0) {}
    bool may_use_caches() const override { return false; }
  };
  NamedSnapshot(std::string name, DirId tenant, Store& store);
  Error dropped() const;
  void drop();

  const std::string name_;
  const DirId tenant_;
  Runtime& runtime_;
  const uint64_t taken_ms_;
  std::atomic<uint64_t> ends_ms_{0};
  mutable std::mutex mutex_;
  std::unique_ptr<Snapshot> rows_;  // guarded by mutex_; null: dropped
  const Sequence sequence_;
};

/// What it costs: taking one is a few microseconds and no copying. While it is held, the engine reuses no page and no
/// chunk that the snapshot can see, so the store grows by what is overwritten or removed meanwhile; that is why there
/// are leases. stats() shows the number, the age of the oldest and how far it lies behind. Thread safety: all functions
/// may be called from any thread.
class Snapshots {
 public:
  /// REQUIRES: the store outlives this.
  explicit Snapshots(Store& store, SnapshotOptions options = {});
  /// Drops all. Readers that still hold one get `stale`.
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  using Ptr = std::shared_ptr<const NamedSnapshot>;

  /// Takes a snapshot of everything, or for the eyes of one tenant (names are apart). `lease_ms` 0: the default.
  /// Errors: exists, limit_reached (names the limit), invalid and name_too_long (the rules are those of tenants'
  /// names), not_found (no such tenant).
  Result<Ptr> take(std::string_view name, DirId tenant = 0, uint64_t lease_ms = 0);
  /// Errors: not_found.
  Result<Ptr> find(std::string_view name, DirId tenant = 0) const;
  /// Those of a tenant (0: those of everything), by name.
  std::vector<Ptr> list(DirId tenant = 0) const;
  /// The lease ends that long after now. Errors: not_found.
  Result<void> extend(std::string_view name, DirId tenant, uint64_t lease_ms);
  /// Errors: not_found.
  Result<void> drop(std::string_view name, DirId tenant = 0);
  /// Drops those whose lease has ended; also done in the background. Returns how many.
  size_t drop_ended();

  /// snapshots, oldest_snapshot_age_ms, oldest_snapshot_commits_behind, snapshots_ended (by their lease). They are
  /// among Store::stats(), too.
  EngineStats stats() const;

 private:
  using Key = std::pair<DirId, std::string>;
  uint64_t end_of_lease(uint64_t lease_ms) const;

  Store& store_;
  const SnapshotOptions options_;
  mutable std::mutex mutex_;                                 // before those of the snapshots
  std::map<Key, std::shared_ptr<NamedSnapshot>> snapshots_;  // guarded by mutex_
  uint64_t ended_ = 0;                                       // guarded by mutex_
  std::unique_ptr<BackgroundTask> watcher_;                  // of leases
};

}  // namespace kvfs
