// What an open store keeps in memory beside its rows: the hybrid logical clock, the inode allocator, caches of
// directory paths and names, use per tenant, settings, and the table of open inodes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/crdt.h"
#include "store/due_times.h"
#include "store/pop_marks.h"
#include "store/read_marks.h"
#include "store/trash_policy.h"
#include "store/txn.h"
#include "store/uses.h"

namespace kvfs {

struct RuntimeOptions {
  EvictionPolicy eviction = EvictionPolicy::noeviction;
  uint64_t keys_max = 0;  // of the store; 0: no limit
  size_t history_bytes_max = 32 * 1024 * 1024;
  size_t cached_paths_max = 100'000;
  size_t cached_names_max = 100'000;
};

/// Thread safety: all functions may be called from any thread. Locks are leaves: nothing is called while one is held.
class Runtime {
 public:
  Runtime(ChunkStore& chunks, std::function<uint64_t()> clock_ns, const RuntimeOptions& options = {});

  ChunkStore& chunks() { return chunks_; }
  uint64_t now_ns() const { return clock_ns_(); }

  /// Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): the wall clock in milliseconds where it
  /// is ahead, otherwise one more than the last. Only within a transaction, so that versions grow in commit order;
  /// `now_ms` is the transaction's.
  Version next_version(uint64_t now_ms);
  Version last_version() const { return last_version_.load(); }
  /// This store among those it merges with: drawn when the store is made; a restored copy draws its own.
  ReplicaId replica() const { return replica_; }
  void load_replica(ReplicaId replica, uint64_t member_seed) { replica_ = replica, member_seed_ = member_seed; }
  /// Of the hash that places the members of sets that become large now: nobody outside knows it.
  uint64_t member_seed() const { return member_seed_; }
  /// Removed keys leave a tombstone, so that merging with a replica that does not know yet does not bring them back.
  bool keeps_tombstones() const { return keeps_tombstones_; }
  void keep_tombstones(bool keep) { keeps_tombstones_ = keep; }
  ReadMarks& read_marks() { return read_marks_; }
  PopMarks& pop_marks() { return pop_marks_; }
  /// Of values that expire.
  DueTimes& expiries() { return expiries_; }
  /// Whether elements of sets that are gone may be left; true at first. Until they are looked for, see keep_garbage().
  bool take_garbage() { return garbage_.exchange(false); }
  void keep_garbage() { garbage_ = true; }
  TrashPolicy& trash() { return trash_; }
  const TrashPolicy& trash() const { return trash_; }
  /// A version that came from elsewhere: all that are given out from now on are greater.
  void observe_version(Version version);
  Inode next_inode() { return next_inode_.fetch_add(1); }

  /// Versions and inodes below the leases may have been given out: after a restart, allocation goes on above them.
  void load_leases(Version version_lease, Inode inode_lease);
  /// The lease rows to write with this transaction, if what has been given out comes near the present ones.
  std::optional<Version> version_lease_due() const;
  std::optional<Inode> inode_lease_due() const;

  /// Applies what a transaction did beside its rows, in commit order.
  void committed(const WriteTxn::Effects& effects);

  // Caches. A reader passes the generation from before its snapshot; what has changed since is not cached.
  uint64_t cache_generation() const { return generation_.load(std::memory_order_acquire); }
  DirPathPtr cached_path(DirId dir) const;
  void cache_path(const DirPathPtr& path, uint64_t generation);
  DirId cached_name(DirId parent, std::string_view name) const;  // 0: not cached
  void cache_name(DirId parent, std::string_view name, DirId dir, uint64_t generation);

  /// Caches may hold 1/2^level of what they are allowed; beyond it they are emptied.
  void shrink_caches(unsigned level);
  struct CacheUse {
    size_t paths = 0;
    size_t paths_max = 0;  // now
    size_t names = 0;
    size_t names_max = 0;
  };
  CacheUse cache_use() const;

  struct Usage {
    uint64_t keys = 0;
    uint64_t bytes = 0;
    uint64_t expired = 0;  // values that went since the store was opened
    uint64_t evicted = 0;
  };
  Usage usage(DirId tenant) const;
  std::vector<DirId> tenants() const;
  void load_usage(DirId tenant, Usage usage);
  Settings settings(DirId dir) const;
  void load_settings(DirId dir, const Settings& settings);
  // Eviction: what is used, and what may go.
  Uses& uses() { return uses_; }
  uint64_t keys_max() const { return keys_max_.load(std::memory_order_relaxed); }
  /// Of tenants that have no policy of their own; of the store.
  void set_eviction(EvictionPolicy policy, uint64_t keys_max);
  EvictionPolicy eviction_policy(DirId tenant) const;
  /// Whether any tenant may have a policy other than noeviction.
  bool may_evict() const { return may_evict_.load(std::memory_order_relaxed); }

  bool has_settings() const { return has_settings_.load(std::memory_order_relaxed); }
  /// What a tenant's or a collection's settings demand of writes there; nullopt: nothing of their own.
  std::optional<Durability> durability(DirId dir) const;
  bool has_durabilities() const { return has_durabilities_.load(std::memory_order_relaxed); }

  // Open inodes, see Store::hold_inode.
  void hold_inode(Inode inode, DirId dir, std::string_view name);
  /// True if this was the last hold of an orphan: its rows are to be removed.
  bool release_inode(Inode inode);
  bool is_held(Inode inode) const;
  std::pair<DirId, std::string> held_slot(Inode inode) const;

 private:
  void set_settings_locked(DirId dir, const Settings& settings);

  static constexpr Version kVersionLease = Version{10'000} << 16;  // ten seconds ahead
  static constexpr Inode kInodeLease = 16'384;

  struct Held {
    DirId dir = 0;
    std::string name;
    uint64_t count = 0;
    bool orphan = false;
  };

  void apply_policy(DirId tenant, EvictionPolicy policy);
  void forget_paths();  // under cache_mutex_

  const RuntimeOptions options_;
  ChunkStore& chunks_;
  const std::function<uint64_t()> clock_ns_;
  ReplicaId replica_ = 0;          // constant after loading
  uint64_t member_seed_ = 0;       // likewise
  bool keeps_tombstones_ = false;  // likewise
  ReadMarks read_marks_;
  PopMarks pop_marks_;
  DueTimes expiries_;
  std::atomic<bool> garbage_{true};
  TrashPolicy trash_;
  std::atomic<Version> last_version_{0};
  std::atomic<Version> version_lease_{0};
  std::atomic<Inode> next_inode_{kFirstInode};
  std::atomic<Inode> inode_lease_{0};

  std::atomic<uint64_t> generation_{1};
  mutable std::shared_mutex cache_mutex_;
  std::unordered_map<DirId, DirPathPtr> paths_;                       // guarded by cache_mutex_
  size_t paths_bytes_ = 0;                                            // of their prefixes; guarded by cache_mutex_
  std::map<DirId, std::map<std::string, DirId, std::less<>>> names_;  // guarded by cache_mutex_
  size_t names_count_ = 0;                                            // guarded by cache_mutex_
  unsigned shrunk_ = 0;                                               // guarded by cache_mutex_
  Uses uses_;
  std::atomic<EvictionPolicy> policy_;
  std::atomic<uint64_t> keys_max_;
  std::atomic<bool> may_evict_{false};

  mutable std::mutex usage_mutex_;
  std::map<DirId, Usage> usage_;        // guarded by usage_mutex_
  std::map<DirId, Settings> settings_;  // guarded by usage_mutex_
  std::atomic<bool> has_settings_{false};
  std::map<DirId, Durability> durabilities_;  // guarded by usage_mutex_; of settings_, parsed
  std::atomic<bool> has_durabilities_{false};

  mutable std::mutex held_mutex_;
  std::unordered_map<Inode, Held> held_;  // guarded by held_mutex_
};

}  // namespace kvfs
