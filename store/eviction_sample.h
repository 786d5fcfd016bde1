// Where values that may be evicted are looked for: a number of hands that go round a tenant's keys in their order, like
// those of many clocks, so that each value is met as often as every other, and those met at a time are not neighbours.
#pragma once

#include <random>
#include <span>
#include <string>
#include <vector>

#include "store/txn.h"

namespace kvfs {

struct EvictionCandidate {
  DirId dir = 0;
  std::string name;
  uint64_t hash = 0;
  uint64_t changed_ms = 0;  // the last time that the entry itself tells: all that is known after a restart
  // Set where the policy goes by it:
  uint64_t last_ms = 0;
  uint8_t frequency = 0;
  bool known = false;        // by its history
  bool repeated = false;     // likewise, to have been used again
  bool once_listed = false;  // came from the list of values used only once
  Slot slot() const { return {dir, name, false}; }
};

/// Thread safety: used by one thread at a time.
class EvictionSample {
 public:
  /// `volatiles`: only values with an expiry, by the expiry index. `seed` is for tests to be the same each time.
  EvictionSample(DirId tenant, bool volatiles, uint64_t seed) : tenant_(tenant), volatiles_(volatiles), random_(seed) {}

  /// Adds about `count` candidates, from several places; fewer where there are few, the same ones again included. Goes
  /// on in key order, which meets all equally often; with `restart`, begins anew now and then at other places, of which
  /// those with few keys near each other are met more often. Keys that come in their order, as those of a scan do, are
  /// met early by that alone: whoever ranks the candidates wants it.
  void gather(const ReadTxn& txn, size_t count, bool restart, std::vector<EvictionCandidate>& out);
  /// Those that would expire next, in order.
  void gather_soonest(const ReadTxn& txn, size_t count, std::vector<EvictionCandidate>& out) const;

 private:
  struct Hand {
    std::string collection;  // the name of its directory: collections are gone through in order, too
    std::string at;          // the key, or the row of the index, to begin with
  };
  static constexpr size_t kHands = 64;
  static constexpr size_t kRunMin = 2;
  static constexpr size_t kCandidatesForAPlace = 16;  // with `restart`

  void place_hands(const ReadTxn& txn, std::span<Hand> hands);
  void move(const ReadTxn& txn, Hand& hand, size_t count, std::vector<EvictionCandidate>& out) const;
  void move_by_expiry(const ReadTxn& txn, Hand& hand, size_t count, std::vector<EvictionCandidate>& out) const;

  const DirId tenant_;
  const bool volatiles_;
  std::mt19937_64 random_;
  std::vector<Hand> hands_;
  size_t next_placed_ = 0;
};

/// A key somewhere in the collection, found by choosing at random where keys differ; empty if there is none.
std::string key_somewhere(const ReadTxn& txn, DirId collection, std::mt19937_64& random);

}  // namespace kvfs
