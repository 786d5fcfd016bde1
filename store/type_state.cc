#include "store/type_state.h"

#include "store/byte_order.h"
#include "store/set_value.h"

namespace kvfs {

namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr uint8_t kStateFormat = 1;

void append_dot(std::string& out, const Dot& dot) {
  append_le(out, dot.replica);
  append_le(out, dot.version);
}

Dot take_dot(FieldReader& in) {
  Dot dot;
  dot.replica = in.take<ReplicaId>();
  dot.version = in.take<Version>();
  return dot;
}

std::string encode_head(const TypeState& state) {
  std::string out;
  append_le(out, kStateFormat);
  append_dot(out, state.epoch);
  append_le(out, state.expires_ms);
  append_le(out, state.expires_version);
  return out;
}

Result<void> take_head(FieldReader& in, TypeState& state) {
  if (in.take<uint8_t>() != kStateFormat) return {Errc::corrupt, "a state of an unknown format"};
  state.epoch = take_dot(in);
  state.expires_ms = in.take<uint64_t>();
  state.expires_version = in.take<uint64_t>();
  return {};
}

Result<void> take_set_head(FieldReader& in, TypeState& state) {
  if (Result<void> ok = take_head(in, state); !ok) return ok;
  state.owner = in.take<uint64_t>();
  state.seed = in.take<uint64_t>();
  const auto replicas = in.take<uint32_t>();
  VersionVector seen;
  for (uint32_t i = 0; i < replicas && !in.failed(); ++i) seen.include(take_dot(in));
  if (in.failed()) return {Errc::corrupt, "a truncated state"};
  state.set.restore_seen(seen);
  return {};
}

}  // namespace

std::string encode_counter_state(const TypeState& state) { return encode_head(state) + state.counter.encode(); }

std::string encode_set_state(const TypeState& state) {
  std::string out = encode_head(state);
  append_le(out, state.owner);
  append_le(out, state.seed);
  append_le(out, static_cast<uint32_t>(state.set.seen().newest().size()));
  for (const auto& [replica, version] : state.set.seen().newest()) append_dot(out, {version, replica});
  if (state.owner != 0) return out;
  for (const auto& [member, dots] : state.set.additions()) {
    append_le(out, static_cast<uint16_t>(dots.size()));
    for (const Dot& dot : dots) append_dot(out, dot);
  }
  return out;
}

Result<TypeState> decode_counter_state(std::string_view bytes) {
  FieldReader in(bytes);
  TypeState state;
  if (Result<void> ok = take_head(in, state); !ok) return ok.error();
  Result<PnCounter> counter = PnCounter::decode(in.rest());
  if (!counter) return counter.error();
  state.counter = std::move(*counter);
  return state;
}

Result<TypeState> decode_set_head(std::string_view bytes) {
  FieldReader in(bytes);
  TypeState state;
  if (Result<void> ok = take_set_head(in, state); !ok) return ok.error();
  return state;
}

Result<SetPlace> decode_set_place(std::string_view bytes) {
  FieldReader in(bytes);
  TypeState state;
  if (Result<void> ok = take_head(in, state); !ok) return ok.error();
  SetPlace place;
  place.owner = in.take<uint64_t>();
  place.seed = in.take<uint64_t>();
  if (in.failed()) return {Errc::corrupt, "a truncated state"};
  return place;
}

Result<TypeState> decode_set_state(std::string_view bytes, std::string_view text) {
  FieldReader in(bytes);
  TypeState state;
  if (Result<void> ok = take_set_head(in, state); !ok) return ok.error();
  if (state.owner != 0) return state;
  for (const std::string& member : decode_members(text)) {
    const auto count = in.take<uint16_t>();
    std::set<Dot> dots;
    for (uint16_t i = 0; i < count && !in.failed(); ++i) dots.insert(take_dot(in));
    if (in.failed() || dots.empty()) return {Errc::corrupt, "a set whose state does not fit its members"};
    state.set.restore(member, std::move(dots));
  }
  if (!in.rest().empty()) return {Errc::corrupt, "a set whose state has more members than it"};
  return state;
}

}  // namespace kvfs
