// Makes room where a limit on keys or bytes is reached and a policy says what may go.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "store/eviction_sample.h"
#include "store/memory_pressure.h"
#include "store/txn.h"

namespace kvfs {

class Store;

struct EvictionOptions {
  EvictionPolicy policy = EvictionPolicy::noeviction;  // of tenants that have none of their own
  uint64_t samples = 5;                                // values looked at for each one that goes
  uint64_t keys_max = 0;                               // of the store; 0: no limit
  size_t history_bytes_max = 32 * 1024 * 1024;
  uint64_t interval_ms = 100;  // how often the background looks at the limits; 0: never (tests)
  uint64_t seed = 0;           // 0: another one each time
};

/// Values go in transactions of their own, a few dozen at most, so that no other writer waits for long: in the
/// background while a limit is near, and by the writer itself where it has been reached. What went is a change of kind
/// `evict`. Observers of the feed are told by the background's thread: a writer may be answering a request of the
/// mount, and must not wait for the kernel.
/// Thread safety: all functions may be called from any thread. Lock order: mutex_ before those of the store.
class Evictor {
 public:
  static constexpr size_t kVictimsAtOnceMax = 64;

  Evictor(Store& store, const EvictionOptions& options);
  ~Evictor();
  Evictor(const Evictor&) = delete;

  /// For a write that failed with `failure`. True: room was made, it may be tried again.
  bool make_room(Errc failure, const std::optional<Shortage>& shortage);
  /// Brings all tenants and the store below their limits; what the background does. Returns how many values went.
  size_t keep_room();

  /// Of tenants that have no number of their own.
  void set_samples(uint64_t samples) { samples_.store(samples); }

  EvictionPolicy policy_of(DirId tenant) const;
  uint64_t samples_of(DirId tenant) const;
  MemoryPressure& pressure() { return pressure_; }

 private:
  struct Tenant {
    EvictionPolicy policy;
    EvictionSample sample;
    std::vector<EvictionCandidate> pool;  // met and not gone: the best of them may be the next
  };
  struct Goal {
    uint64_t keys = UINT64_MAX;
    uint64_t bytes = UINT64_MAX;
  };

  bool reach(DirId tenant, const Goal& goal, size_t& evicted);
  bool reached(DirId tenant, const Goal& goal) const;
  size_t evict_some(DirId tenant, DirId limited, const Goal& goal);
  Tenant& state_of(DirId tenant, EvictionPolicy policy);
  void rank(Tenant& state);
  void put_once_first(DirId tenant, Tenant& state, size_t wanted);
  void note_ghosts(DirId tenant, Tenant& state, const std::vector<size_t>& victims, const std::vector<bool>& tried,
                   uint64_t keys);
  DirId any_tenant();
  size_t keep_disk_room();
  bool make_disk_room();
  Goal goal_of(uint64_t keys_max, uint64_t bytes_max, bool near_enough) const;
  void tell(const ChangeLog& changes);
  void run();

  Store& store_;
  const EvictionOptions options_;
  std::atomic<uint64_t> samples_;
  std::mutex mutex_;                 // one batch at a time
  std::map<DirId, Tenant> tenants_;  // guarded by mutex_
  std::mt19937_64 random_;           // guarded by mutex_
  MemoryPressure pressure_;

  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by wake_mutex_
  ChangeLog untold_;       // guarded by wake_mutex_
  std::thread thread_;
};

}  // namespace kvfs
