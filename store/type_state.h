// What the entry of a counter or set keeps beside its value, so that replicas can merge it (docs/format.md, "State").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/crdt.h"
#include "store/result.h"

namespace kvfs {

struct TypeState {
  /// States of a key with different epochs do not merge: the later one wins. Zero for a key that was made of this type;
  /// a value that is replaced by one of another type, or removed, begins a new one.
  Dot epoch;
  uint64_t expires_ms = 0;      // as it was when expires_version was noted
  Version expires_version = 0;  // when the expiry was changed last

  PnCounter counter;  // of a counter

  // Of a set:
  uint64_t owner = 0;  // its element rows; 0: the members lie in the entry
  uint64_t seed = 0;   // of the hash that places members
  OrSet set;           // the members only where they lie in the entry
};

/// `text` is the entry's value, whose lines are the members of a set that lies in the entry.
std::string encode_counter_state(const TypeState& state);
std::string encode_set_state(const TypeState& state);
/// Errors: corrupt.
Result<TypeState> decode_counter_state(std::string_view state);
Result<TypeState> decode_set_state(std::string_view state, std::string_view text);
/// Without the members: cheap.
Result<TypeState> decode_set_head(std::string_view state);
/// Where the members of a large set are; cheaper.
struct SetPlace {
  uint64_t owner = 0;
  uint64_t seed = 0;
};
Result<SetPlace> decode_set_place(std::string_view state);

}  // namespace kvfs
