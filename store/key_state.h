// What replicas of a key exchange: its state, which merges in any order, any number of times (docs/semantics.md, "Types
// that merge"), and how a store gives and takes it. Knows no network.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/crdt.h"
#include "store/txn.h"

namespace kvfs {

/// The state of one key. States are ordered by epoch, then kind: the greater one wins as a whole; counters and sets of
/// one epoch merge, and so do their expiries (the one changed last counts).
struct KeyState {
  /// In the order in which they win within an epoch. DO NOT CHANGE: replicas exchange the numbers.
  enum class Kind : uint8_t { absent = 0, bytes = 1, removed = 2, counter = 3, set = 4 };

  Dot epoch;  // of bytes: their version; of what was removed: when
  Kind kind = Kind::absent;
  uint64_t expires_ms = 0;
  Version expires_version = 0;  // of a counter or set
  std::string content_type;
  std::string value;  // of bytes
  PnCounter counter;
  OrSet set;  // without members: the key is absent, but what was removed is known

  /// Commutative, associative, idempotent.
  void merge(const KeyState& other);
  bool operator==(const KeyState&) const = default;
  bool is_live() const;

  std::string encode() const;
  /// Errors: corrupt.
  static Result<KeyState> decode(std::string_view bytes);
};

/// The largest bytes that are exchanged as a state.
inline constexpr uint64_t kStateBytesMax = 64 * 1024 * 1024;

/// Errors: value_too_large, as check_key.
Result<KeyState> state_of(const ReadTxn& txn, DirId collection, std::string_view key);
/// Merges another replica's state into the key; false: it had nothing new. Errors: as put().
Result<bool> merge_state(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& theirs);

/// Forgets removals that every replica has seen: those of versions before `stable`, in keys' byte order after `after`,
/// at most `count_max`. Returns the last key that was looked at, empty at the end. REQUIRES: every replica has merged
/// all changes before `stable`, and no older copy of a state is merged later; otherwise removed keys come back.
std::string forget_removed(WriteTxn& txn, DirId collection, Version stable, std::string_view after, size_t count_max);

// Internal to store/: tombstones, kept where StoreOptions::keep_tombstones says so.
namespace rows {

std::string tombstone_row(DirId collection, std::string_view key);
/// What is remembered of a key that is absent.
KeyState tombstone_of(const Snapshot& rows, DirId collection, std::string_view key);
/// The state of a value that goes now (`expired`: because its time had come), for its tombstone.
KeyState state_once_removed(WriteTxn& txn, const Entry& entry, Version version, bool expired);
/// The tombstone goes; returns the state of a set that is made at its key now, empty where there was none.
std::string unbury(WriteTxn& txn, DirId collection, std::string_view key);
void bury(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& state);

}  // namespace rows
}  // namespace kvfs
