// When and how often keys were used: eight bytes a key, in memory only, of bounded size. What eviction goes by, and
// OBJECT IDLETIME and FREQ.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "store/key.h"

namespace kvfs {

inline constexpr uint8_t kFrequencyOfNewKeys = 5;  // as Redis's LFU_INIT_VAL, so that they are not the first to go

/// A set-associative table of words, each a tag of the key's hash, the time of the last use, a logarithmic counter of
/// uses (Redis's: it counts to 255 with a million uses, and loses one a minute), and whether the key was used more than
/// once. A full set forgets the use that is longest ago. Keys are told apart by 44 bits of their hash or so: one in
/// a hundred thousand lookups takes another key's history for its own, which eviction survives.
/// Thread safety: all functions may be called from any thread, and none blocks another; of two uses at the same instant
/// one may go uncounted.
class AccessHistory {
 public:
  explicit AccessHistory(size_t bytes_max) : bytes_max_(bytes_max) {}
  ~AccessHistory();
  AccessHistory(const AccessHistory&) = delete;

  struct Use {
    uint64_t last_ms = 0;
    uint8_t frequency = 0;  // at that time
    bool repeated = false;  // used again since it was made
  };

  static uint64_t hash(DirId dir, std::string_view name);

  /// Uses are noted from now on. Takes memory as keys are used, up to `bytes_max`.
  void enable();
  bool enabled() const { return words_.load(std::memory_order_acquire) != nullptr; }

  /// A value was read or replaced. No-op unless enabled().
  void touch(uint64_t hash, uint64_t now_ms);
  /// A value was made: what was known of an earlier one of that name no longer counts.
  void made(uint64_t hash, uint64_t now_ms, bool repeated);
  /// What is known of a value from elsewhere; times long ago count as the longest that can be told. No-op unless
  /// enabled().
  void set(uint64_t hash, uint64_t last_ms, uint8_t frequency, uint64_t now_ms);
  std::optional<Use> find(uint64_t hash, uint64_t now_ms) const;

  /// What is left of a frequency after a time without use.
  static uint8_t decayed(uint8_t frequency, uint64_t last_ms, uint64_t now_ms);
  size_t memory_bytes() const { return enabled() ? (mask_ + 1) * kWays * sizeof(Word) : 0; }

 private:
  using Word = std::atomic<uint64_t>;
  static constexpr size_t kWays = 8;  // a set is a cache line

  Word* set_of(uint64_t hash) const { return words_.load(std::memory_order_acquire) + (hash & mask_) * kWays; }
  static Word* way_of(Word* set, uint64_t hash);
  static Word* oldest_way(Word* set, uint64_t now_ms);

  const size_t bytes_max_;
  std::mutex mutex_;  // of enable()
  std::atomic<Word*> words_{nullptr};
  size_t mask_ = 0;  // written before words_
};

}  // namespace kvfs
