// The recent batches: an ordered multi-version map in memory. A hash index finds keys; their order is made when
// somebody asks for it, in a skiplist (W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees", 1990; the
// concurrent form of LevelDB's db/skiplist.h), so that writing does not pay for it. Knows nothing of files, journals or
// the base.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/engine/arena.h"
#include "store/engine/engine.h"
#include "store/engine/row_hash.h"
#include "store/engine/version_pool.h"

namespace kvfs {

/// Keys, each with its versions by descending sequence. A version is a value or a tombstone ("erased here").
///
/// Thread safety: put(), erase() and forget_before() by one thread at a time; every read from any thread beside them. A
/// reader at sequence s sees the versions with sequences <= s that were added before s was published to it (release
/// store by the writer, acquire load by the reader, e.g. a mutex or an atomic). Lookups take no lock, iterators one
/// when they are made. Keys are never removed. A version and the views into it are valid as long as the memtable, or
/// until forget_before() says that nobody can see it any more.
class Memtable {
 public:
  /// `entries_expected` sizes the hash index; more are taken, but found more slowly.
  explicit Memtable(size_t entries_expected = 4096);
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  /// Of two versions of one key with the same sequence, the one added later counts.
  /// REQUIRES: `sequence` >= that of all versions of this key so far.
  void put(Sequence sequence, std::string_view key, std::string_view value) {
    add(sequence, key, row_hash(key), value, false);
  }
  void erase(Sequence sequence, std::string_view key) { add(sequence, key, row_hash(key), {}, true); }
  /// Either, where row_hash(key) is known.
  void add(Sequence sequence, std::string_view key, uint64_t key_hash, std::string_view value, bool erased);

  /// Nobody reads at a sequence below `horizon`, nor will: the memory of versions that were replaced at or before it is
  /// used again.
  void forget_before(Sequence horizon) { horizon_ = horizon; }
  /// How many versions were replaced since it was made.
  uint64_t replaced() const { return versions_.retired(); }

  struct Version {
    Sequence sequence = 0;
    bool erased = false;
    std::string_view value;  // empty if erased
  };
  /// The newest version of `key` at `snapshot`; nullopt if this memtable knows none (the base may).
  std::optional<Version> get(std::string_view key, Sequence snapshot) const {
    return get(key, row_hash(key), snapshot);
  }
  /// `key_hash` is row_hash(key).
  std::optional<Version> get(std::string_view key, uint64_t key_hash, Sequence snapshot) const;

  /// Fetches into the processor's caches what get() of these keys will look at: the waits for memory overlap.
  void prefetch(std::span<const std::string_view> keys) const;

  class Iterator;

  /// Puts all keys added so far into order, which otherwise the next iterator does. Any thread.
  void put_in_order() const;
  /// How many keys that would be, about.
  size_t unordered() const {
    const size_t entries = entries_.load(std::memory_order_relaxed);
    return entries - std::min(entries, ordered_.load(std::memory_order_relaxed));
  }

  size_t entries() const { return entries_.load(std::memory_order_relaxed); }  // keys
  size_t tombstones() const { return tombstones_; }  // keys that are erased now; the writer's thread
  size_t bytes() const { return arena_.bytes(); }    // all memory it holds
  /// Sequences of the first and the last version added; 0 while empty.
  Sequence first_sequence() const { return first_sequence_.load(std::memory_order_relaxed); }
  Sequence last_sequence() const { return last_sequence_.load(std::memory_order_relaxed); }

 private:
  struct Node;
  using StoredVersion = VersionPool::Version;
  static constexpr int kHeightMax = 12;

  static std::atomic<Node*>* make_buckets(size_t count);
  Node* make_node(std::string_view key, uint64_t key_hash, int height);
  int random_height();
  Node* find_key(std::string_view key, uint64_t key_hash) const;
  /// Cuts off `first` and all behind it.
  void take_unordered(Node* first) const;
  struct Placed {
    uint64_t part;  // of its key
    Node* node;
  };
  static void sort_by_key(std::span<Placed> nodes, size_t depth);
  void link_in_order(const std::vector<Placed>& sorted) const;
  /// First node with a key at or after `key`.
  Node* find_at_or_after(std::string_view key) const;
  /// Last node before `key`; null if none.
  Node* find_before(std::string_view key) const;

  Arena arena_;  // written by the writer alone, as are:
  VersionPool versions_;
  Sequence horizon_ = 0;
  size_t tombstones_ = 0;
  uint64_t random_state_;

  // Constant after construction.
  Node* const head_;
  const size_t bucket_mask_;
  const std::unique_ptr<std::atomic<Node*>[], decltype(&std::free)> buckets_;  // pages of it come when used

  // Written by the writer, read by all.
  std::atomic<size_t> entries_{0};
  std::atomic<Sequence> first_sequence_{0};
  std::atomic<Sequence> last_sequence_{0};

  // Filled by the writer, emptied by whoever puts in order.
  mutable std::atomic<Node*> unordered_{nullptr};

  mutable std::mutex order_mutex_;          // one thread at a time adds to the skiplist
  mutable std::atomic<size_t> ordered_{0};  // keys in the skiplist; written under order_mutex_
  mutable std::atomic<int> height_{1};      // written under order_mutex_
};

/// Moves over the keys that have a version at one snapshot, in byte order, tombstones included; on each it stands at
/// the newest such version. Starts invalid. Used by one thread at a time; must not outlive the memtable.
class Memtable::Iterator {
 public:
  /// REQUIRES: all that is visible at `snapshot` was added.
  Iterator(const Memtable& table, Sequence snapshot);

  void seek(std::string_view key);         // first key >= `key`
  void seek_before(std::string_view key);  // last key < `key`
  void seek_to_first();
  void seek_to_last();
  void next();  // REQUIRES: valid()
  void prev();  // REQUIRES: valid()

  bool valid() const { return node_ != nullptr; }
  std::string_view key() const;    // REQUIRES: valid(), as all below
  std::string_view value() const;  // empty if erased
  bool erased() const;
  Sequence sequence() const;

 private:
  void settle_forward(const Node* node);
  void settle_backward(const Node* node);

  const Memtable* table_;
  Sequence snapshot_;
  const Node* node_ = nullptr;
  const StoredVersion* version_ = nullptr;
};

}  // namespace kvfs
