// Transactions whose order and effect can be told from what a store holds after a crash.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "store/engine/engine.h"

namespace kvfs::crash {

/// What the engine acknowledged. Thread safety: any thread.
class Promises {
 public:
  /// Transaction `id` was acknowledged as the n-th of all; `strict` ones survive power loss.
  void acknowledged(uint64_t n, uint64_t id, bool strict);
  /// All up to `n` survive power loss.
  void durable(uint64_t n);

  uint64_t durable_n() const { return durable_.load(); }
  /// Of every n that was acknowledged up to this one the transaction is known.
  uint64_t acknowledged_n() const;
  /// Forgets what is beyond `n`: it was lost. All up to it counts as durable.
  void lost_beyond(uint64_t n);
  /// Empty if the order `ids` (of transactions 1, 2, ...) has every acknowledged one at its place; else what is wrong.
  std::string contradiction(const std::vector<uint64_t>& ids) const;

 private:
  mutable std::mutex mutex_;
  std::map<uint64_t, uint64_t> ids_;  // guarded by mutex_
  std::atomic<uint64_t> durable_{0};
};

/// Opens, and does what a store does first: chunks that no row refers to are given back.
Result<std::unique_ptr<Engine>> open_and_recover(const EngineOptions& options);

/// Runs transaction `id`: some puts, erases and chunks that depend on nothing but the id, and a log row that says the
/// transaction's place n in the order, which is returned. On success the promise is noted.
Result<uint64_t> run_transaction(Engine& engine, uint64_t id, const Durability& durability, Promises& promises);

struct Verified {
  std::string problem;        // empty: the store holds exactly what its first n transactions leave
  std::vector<uint64_t> ids;  // in order
  uint64_t n() const { return ids.size(); }
};
/// Reads everything, chunks included, and compares.
Verified verify(Engine& engine);

}  // namespace kvfs::crash
