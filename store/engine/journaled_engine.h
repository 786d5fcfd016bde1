// The durable engine: journal, memtables and base composed. docs/architecture.md, "Engine", tells who does what when.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/engine/background_task.h"
#include "store/engine/base_lmdb.h"
#include "store/engine/batch.h"
#include "store/engine/chunk_log.h"
#include "store/engine/engine.h"
#include "store/engine/journal.h"
#include "store/engine/journaled_transaction.h"
#include "store/engine/reader_registry.h"
#include "store/engine/reading.h"
#include "store/engine/release_queue.h"
#include "store/engine/space_guard.h"
#include "store/engine/store_lock.h"
#include "store/engine/sync_tracker.h"
#include "store/engine/write_set.h"

namespace kvfs {

/// A memtable grows to this many times its limits while the one before it is folded; from half of that on writers are
/// slowed down, at it they wait.
inline constexpr size_t kMemtableGrowthMax = 4;
inline constexpr uint64_t kBasePageBytes = 4096;

/// Thread safety: as Engine.
class JournaledEngine final : public Engine {
 public:
  /// Errors: as open_engine().
  static Result<std::unique_ptr<JournaledEngine>> open(const EngineOptions& options);
  /// REQUIRES: no call is under way, and no snapshot or pin lives.
  ~JournaledEngine() override;

  std::unique_ptr<Snapshot> snapshot() override;
  Result<Sequence> transact(const Body& body, const CommitOptions& options) override;
  Result<void> sync() override;
  void when_durable(Sequence sequence, DurableCallback told) override;
  Result<void> checkpoint() override;
  ChunkStore& chunks() override { return *chunks_; }
  EngineStats stats() const override;
  SpaceUse space() const override;

 private:
  explicit JournaledEngine(EngineOptions options);
  Result<void> open_files();
  Result<void> leave_out_damaged_rows();
  void start();

  // Those named *_locked need commit_mutex_.
  struct Commit {
    Sequence sequence = 0;
    bool sync_first = false;  // before it is acknowledged
  };
  Result<Commit> commit_locked(const Durability& durability, const Reading& reading, const CommitOptions& options);
  void publish_locked(Commit& commit, const Durability& durability, const CommitOptions& options);
  /// As SpaceGuard::admit(), but chunks that have been released are given back first, which needs a sync, rather than
  /// that a write fails beside them.
  Result<void> admit(int64_t bytes);
  Result<void> admit_locked(const Reading& reading);
  Result<void> append_locked(Sequence sequence, const Reading& reading);
  Result<void> wait_for_room_locked(std::unique_lock<std::mutex>& lock);
  /// How many pages of the base a fold of the active memtable changes or adds at worst: one for each row, but no more
  /// than there are.
  uint64_t fold_pages_locked() const;
  /// What that takes of the disk.
  uint64_t fold_bytes_locked() const { return fold_pages_locked() * kBasePageBytes; }
  /// How often the active memtable exceeds its limits.
  uint64_t times_full_locked() const;
  void order_ahead_locked();
  void forget_old_versions_locked();
  void freeze_if_full_locked();
  bool freeze_locked();
  /// False: there is no memory for it, as those who wait for a checkpoint are told.
  bool try_to_freeze_locked();

  /// Makes all commits so far durable. Of those who come at once one goes to the disk for all: whoever finds a sync
  /// under way waits for the next, which covers everybody who came meanwhile.
  Result<void> sync_commits();
  Result<void> sync_files();
  void reclaim();
  uint64_t run_syncer();
  uint64_t run_acknowledger();
  uint64_t run_checkpointer();
  Result<void> fold_into_base(const Layers& layers);
  /// False: it could not be folded.
  bool fold_frozen(const Layers& layers);
  void installed_fold(const Layers& folded, uint64_t base_id);

  void turn_read_only(const Error& reason);
  /// Since a commit that stands in the journal could not be made visible.
  void turn_read_only(const std::exception& invisible);
  std::optional<Error> refusal() const;
  void notice(const std::string& text) const;
  static Error out_of_memory();
  uint64_t bytes_used() const;

  const EngineOptions options_;
  std::unique_ptr<StoreLock> lock_;
  ReaderRegistry readers_;
  std::atomic<Sequence> visible_{0};  // the last commit; stored under commit_mutex_
  std::atomic<Sequence> durable_{0};  // commits up to here and their chunks are on the disk
  std::unique_ptr<ChunkLog> chunks_;
  std::unique_ptr<Base> base_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<SpaceGuard> space_;
  uint64_t segment_bytes_ = 0;  // of the journal; constant once it is open
  std::unique_ptr<ReadingPool> readings_;
  SyncTracker tracker_;
  ReleaseQueue released_;

  // Lock order: commit_mutex_, then any other. Bodies run under it.
  std::mutex commit_mutex_;
  std::condition_variable room_;       // of commit_mutex_: a fold ended
  WriteSet writes_;                    // guarded by commit_mutex_
  Batch batch_;                        // guarded by commit_mutex_
  std::shared_ptr<Memtable> active_;   // guarded by commit_mutex_
  uint64_t active_since_ms_ = 0;       // guarded by commit_mutex_: first commit into it; 0: none yet
  uint64_t active_journal_bytes_ = 0;  // guarded by commit_mutex_: of the records of its commits
  bool frozen_ = false;                // guarded by commit_mutex_: a memtable waits to be folded
  std::optional<Error> fold_error_;    // guarded by commit_mutex_: why the last fold failed
  // Guarded by commit_mutex_: the last commit with chunks, until a later record notes that it is durable; 0: none.
  Sequence unnoted_chunks_ = 0;
  uint64_t folds_ended_ = 0;        // guarded by commit_mutex_
  bool checkpoint_wanted_ = false;  // guarded by commit_mutex_
  uint64_t forgotten_at_ = 0;       // guarded by commit_mutex_: versions of the active memtable replaced until then
  uint64_t order_from_ = 0;         // guarded by commit_mutex_: the active memtable is put in order at so many keys

  std::mutex sync_mutex_;           // not held during a sync
  std::condition_variable synced_;  // of sync_mutex_: a sync ended
  bool syncing_ = false;            // guarded by sync_mutex_

  struct Waiter {
    Sequence sequence = 0;
    DurableCallback told;
  };
  std::mutex waiters_mutex_;
  std::deque<Waiter> waiters_;  // guarded by waiters_mutex_: of when_durable()
  std::deque<Waiter> told_;     // by the acknowledger, which alone uses it

  mutable std::mutex failure_mutex_;
  std::optional<Error> failure_;  // guarded by failure_mutex_
  std::atomic<bool> read_only_{false};

  struct Counters {
    std::atomic<uint64_t> commits{0};
    std::atomic<uint64_t> commits_synced{0};  // that waited for a sync of their own
    std::atomic<uint64_t> sync_group_max{0};
    std::atomic<uint64_t> checkpoints{0};
    std::atomic<uint64_t> checkpoint_ms_last{0};
    std::atomic<uint64_t> checkpoint_ms_max{0};
    std::atomic<uint64_t> writer_stalls{0};
    std::atomic<uint64_t> writer_stall_ms{0};
  };
  mutable Counters counters_;

  // Last: they use all of the above.
  std::unique_ptr<BackgroundTask> orderer_;
  std::unique_ptr<BackgroundTask> checkpointer_;
  std::unique_ptr<BackgroundTask> syncer_;
  std::unique_ptr<BackgroundTask> acknowledger_;
};

}  // namespace kvfs
