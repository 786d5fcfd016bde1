// The public face of the store: open, read, write, subscribe. Doors use this, tree.h, keyspace.h and value.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>

#include "store/changes.h"
#include "store/channels.h"
#include "store/engine/engine.h"
#include "store/evictor.h"
#include "store/keyspace.h"
#include "store/latency.h"
#include "store/result.h"
#include "store/trash.h"
#include "store/trash_policy.h"
#include "store/tree.h"
#include "store/txn.h"
#include "store/value.h"

namespace kvfs {

struct StoreOptions {
  EngineOptions engine;
  size_t feed_capacity = 20'000;      // changes kept for subscribers that fall behind
  uint64_t expiry_interval_ms = 100;  // how often expired keys are swept; 0: never (tests)
  size_t expiry_batch_max = 1000;     // keys removed by one sweeping transaction
  EvictionOptions eviction;
  PressureOptions pressure;
  size_t cached_paths_max = 100'000;   // directories whose paths are kept in memory
  size_t cached_names_max = 100'000;   // likewise, names of tenants and collections
  TrashOptions trash;                  // of tenants and collections that say nothing
  bool keep_tombstones = false;        // of removed keys, for stores that merge with others (key_state.h)
  std::function<uint64_t()> clock_ns;  // for tests: nanoseconds since 1970; default: the system's
};

struct WriteOptions {
  Origin origin = kNoOrigin;
  /// At least this policy, whatever the store's and the collection's are.
  std::optional<Durability> durability;
  /// Where given, the write does not wait for the disk, but stores here what to hand to Store::when_durable() before it
  /// is acknowledged. Untouched where nothing demands a sync.
  Sequence* awaits_sync = nullptr;
};

/// Thread safety: all functions may be called from any thread.
class Store {
 public:
  /// Errors: as open_engine(), corrupt (unknown format version).
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  /// Syncs. REQUIRES: no other call is under way.
  ~Store();

  /// Runs `body(const ReadTxn&)` on a snapshot and returns what it returns. Copy out what must outlive it.
  template <class Body>
  auto read(Body&& body) const -> std::invoke_result_t<Body, const ReadTxn&> {
    const uint64_t generation = cache_generation();
    const std::unique_ptr<Snapshot> rows = engine_->snapshot();
    const ReadTxn txn(*runtime_, *rows, now_ms(), generation);
    return body(txn);
  }

  /// Runs `body(WriteTxn&) -> Result<T>` in one transaction; commits if it returns a value, drops all otherwise.
  /// It may run again after a conflict. REQUIRES: not called within a read or write body.
  template <class Body>
  auto write(Body&& body, const WriteOptions& options = {}) -> std::invoke_result_t<Body, WriteTxn&> {
    using R = std::invoke_result_t<Body, WriteTxn&>;
    std::optional<R> outcome;
    Result<void> done = transact(
        [&](WriteTxn& txn) -> Result<void> {
          outcome.emplace(body(txn));
          if (!*outcome) return outcome->error();
          return {};
        },
        options);
    if (!done) return done.error();
    return std::move(*outcome);
  }

  /// Makes everything acknowledged before the call durable.
  Result<void> sync() { return engine_->sync(); }
  /// As Engine::when_durable().
  void when_durable(Sequence sequence, DurableCallback told) { engine_->when_durable(sequence, std::move(told)); }
  Sequence last_commit() const { return engine_->snapshot()->sequence(); }
  Result<void> checkpoint() { return engine_->checkpoint(); }

  Feed& feed() { return *feed_; }
  Channels& channels() { return channels_; }
  Latencies& latencies() { return latencies_; }
  Engine& engine() { return *engine_; }
  ChunkStore& chunks() { return engine_->chunks(); }
  Runtime& runtime() { return *runtime_; }
  Origin new_origin() { return next_origin_.fetch_add(1); }

  /// The tenant's directory, made if absent; its owner if it is new. For tenants named in the configuration.
  Result<DirId> ensure_tenant(std::string_view name, uint32_t uid = 0, uint32_t gid = 0);
  /// Cached, cheap. Errors: not_found.
  Result<DirId> find_tenant(std::string_view name) const;
  Result<DirId> find_collection(DirId tenant, std::string_view name) const;

  /// Values and bytes of a tenant (0: of all) now, its quota (0: none), and what happened to them since the store was
  /// opened, for df and statistics.
  struct Usage {
    uint64_t keys = 0;
    uint64_t bytes = 0;
    uint64_t quota_keys = 0;
    uint64_t quota_bytes = 0;
    EvictionPolicy eviction = EvictionPolicy::noeviction;
    uint64_t expired = 0;
    uint64_t evicted = 0;
    uint64_t hits = 0;  // reads by key that found a value
    uint64_t misses = 0;
    uint64_t trash_keys = 0;  // removed, and not for good yet; not among keys and bytes
    uint64_t trash_bytes = 0;
  };
  Usage usage(DirId tenant) const;

  /// While an inode is held, removing its last name or replacing it keeps its data (as an orphan) until the last
  /// release, and find_inode() finds it after renames by other doors. `slot` is where it is.
  void hold_inode(Inode inode, const Slot& slot);
  void release_inode(Inode inode);
  /// Where a held inode is now; dir 0: nowhere.
  std::pair<DirId, std::string> held_slot(Inode inode) const;

  /// Removes what has expired by now; done in the background every expiry_interval_ms. Returns how many.
  Result<size_t> sweep_expired();

  /// What is beyond the bounds of the trash goes for good; done in the background likewise. Returns how many.
  Result<size_t> sweep_trash();
  /// From now on.
  void set_trash(const TrashOptions& options);

  Evictor& evictor() { return *evictor_; }
  /// From now on: the policy, samples and keys_max; what else `options` holds stays as it was at open().
  void set_eviction(const EvictionOptions& options);
  const StoreOptions& options() const { return options_; }
  /// Removes the elements of large sets that are gone, in many commits; done in the background likewise. Returns how
  /// many.
  Result<size_t> purge_elements();

  uint64_t now_ms() const;
  /// Figures of the engine, of the store, and of what has registered with add_stats().
  EngineStats stats() const;
  /// `figures` go into stats() at every door, until remove_stats(): `owner` tells whose they are. `figures` is called
  /// from any thread and calls none of these three.
  void add_stats(const void* owner, std::function<EngineStats()> figures);
  void remove_stats(const void* owner);

 private:
  friend class Evictor;
  explicit Store(const StoreOptions& options);
  uint64_t cache_generation() const;
  Result<void> load();
  using WriteBody = std::function<Result<void>(WriteTxn&)>;
  /// Commits, with others evicted for it where that is needed and allowed, and tells the observers.
  Result<void> transact(const WriteBody& body, const WriteOptions& options);
  /// Commits as things are, and tells nobody. `shortage` given: filled in if room is all that was missing.
  Result<void> commit(const WriteBody& body, const WriteOptions& options, ChangeLog& published,
                      std::optional<Shortage>* shortage);
  /// Drops the oldest until it is within the limits.
  Result<size_t> shrink_trash(DirId tenant, const std::function<TrashPolicy::Limits(const ReadTxn&)>& limits);
  /// Half of all trash goes for good, and nothing is kept while space is short. False: that gave nothing.
  bool make_room_from_trash();
  void load_trash(const Snapshot& rows);
  void sweep_until_stopped();
  /// Adds to `removed`; `next_ms` is when the next value of the tenant expires.
  Result<void> sweep_expired(DirId tenant, size_t& removed, uint64_t& next_ms);
  Result<size_t> purge_garbage();
  Result<void> remove_orphans();

  StoreOptions options_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Evictor> evictor_;  // its thread uses what is above
  Channels channels_;
  Latencies latencies_;
  std::atomic<Origin> next_origin_{1};
  mutable std::mutex stats_mutex_;                                  // before the locks of those that have registered
  std::map<const void*, std::function<EngineStats()>> more_stats_;  // guarded by stats_mutex_
  std::mutex sweep_mutex_;
  std::condition_variable sweep_wake_;
  bool stopping_ = false;  // guarded by sweep_mutex_
  std::thread sweeper_;
};

}  // namespace kvfs
