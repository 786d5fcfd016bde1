#include "store/key_state.h"

#include <tuple>

#include "store/byte_order.h"
#include "store/keyspace.h"
#include "store/set_writer.h"
#include "store/siphash.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

namespace {

// DO NOT CHANGE: on disk and between replicas, see docs/format.md.
constexpr uint8_t kKeyStateFormat = 1;
constexpr size_t kKeyInRowMax = 400;  // a longer key is its first bytes and a hash
constexpr size_t kKeyInRowPrefix = 384;

void append_text(std::string& out, std::string_view text) {
  append_le(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

std::string_view take_text(FieldReader& in) {
  const auto bytes = in.take<uint32_t>();
  return in.take_bytes(bytes);
}

std::string tombstone_prefix(DirId collection) {
  std::string row(1, static_cast<char>(Table::removed));
  append_be64(row, collection);
  return row;
}

/// All that are given out from now on are greater than what the state speaks of.
void observe(Runtime& runtime, const KeyState& state) {
  runtime.observe_version(state.epoch.version);
  runtime.observe_version(state.expires_version);
  for (const auto& [replica, version] : state.set.seen().newest()) runtime.observe_version(version);
}

TypeState type_state(const KeyState& from) {
  TypeState to;
  to.epoch = from.epoch;
  to.expires_ms = from.expires_ms;
  to.expires_version = from.expires_version;
  to.counter = from.counter;
  to.set = from.set;
  return to;
}

}  // namespace

bool KeyState::is_live() const {
  return kind == Kind::bytes || kind == Kind::counter || (kind == Kind::set && set.size() > 0);
}

void KeyState::merge(const KeyState& other) {
  const auto rank = [](const KeyState& state) { return std::tie(state.epoch, state.kind); };
  if (rank(*this) != rank(other)) {
    if (rank(*this) < rank(other)) *this = other;
    return;
  }
  if (kind == Kind::bytes) {
    // Two values of one version: a replica broke its promise; still all choose the same.
    const auto all = [](const KeyState& state) { return std::tie(state.value, state.content_type, state.expires_ms); };
    if (all(*this) < all(other)) *this = other;
    return;
  }
  counter.merge(other.counter);
  set.merge(other.set);
  content_type = std::max(content_type, other.content_type);
  if (std::tie(expires_version, expires_ms) < std::tie(other.expires_version, other.expires_ms)) {
    expires_version = other.expires_version;
    expires_ms = other.expires_ms;
  }
}

std::string KeyState::encode() const {
  std::string out;
  append_le(out, kKeyStateFormat);
  append_le(out, static_cast<uint8_t>(kind));
  append_le(out, epoch.replica);
  append_le(out, epoch.version);
  append_le(out, expires_ms);
  append_le(out, expires_version);
  append_text(out, content_type);
  append_text(out, value);
  append_text(out, kind == Kind::counter ? counter.encode() : std::string());
  append_text(out, kind == Kind::set ? set.encode() : std::string());
  return out;
}

Result<KeyState> KeyState::decode(std::string_view bytes) {
  FieldReader in(bytes);
  KeyState out;
  if (in.take<uint8_t>() != kKeyStateFormat) return {Errc::corrupt, "a key's state of an unknown format"};
  const auto kind = in.take<uint8_t>();
  if (kind > static_cast<uint8_t>(Kind::set)) return {Errc::corrupt, "a key's state of an unknown kind"};
  out.kind = static_cast<Kind>(kind);
  out.epoch.replica = in.take<ReplicaId>();
  out.epoch.version = in.take<Version>();
  out.expires_ms = in.take<uint64_t>();
  out.expires_version = in.take<Version>();
  out.content_type = take_text(in);
  out.value = take_text(in);
  const std::string_view counter = take_text(in);
  const std::string_view set = take_text(in);
  if (in.failed() || !in.rest().empty()) return {Errc::corrupt, "a malformed state of a key"};
  if (out.kind == Kind::counter) {
    Result<PnCounter> decoded = PnCounter::decode(counter);
    if (!decoded) return decoded.error();
    out.counter = std::move(*decoded);
  } else if (out.kind == Kind::set) {
    Result<OrSet> decoded = OrSet::decode(set);
    if (!decoded) return decoded.error();
    out.set = std::move(*decoded);
  }
  return out;
}

namespace {

Result<KeyState> state_of_entry(const ReadTxn& txn, const Entry& entry) {
  KeyState out;
  out.content_type = entry.content_type;
  out.expires_ms = entry.expires_ms;
  if (entry.type == ValueType::bytes) {
    out.kind = KeyState::Kind::bytes;
    out.epoch = {entry.version, 0};
    Result<std::string> value = read_whole_value(txn, entry, kStateBytesMax);
    if (!value) return value.error();
    out.value = std::move(*value);
    return out;
  }
  Result<TypeState> state = rows::load_state(txn, entry);
  if (!state) return state.error();
  out.epoch = state->epoch;
  out.expires_version = state->expires_ms == entry.expires_ms ? state->expires_version : entry.version;
  out.kind = entry.type == ValueType::counter ? KeyState::Kind::counter : KeyState::Kind::set;
  out.counter = state->counter;
  out.set = state->set;
  if (entry.elements)
    SetRows(state->owner, state->seed).walk(txn.rows(), 0, [&](const SetRows::Item& item) {
      out.set.restore(item.member, SetRows::dots_of(item));
      return true;
    });
  return out;
}

Result<void> write_bytes(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& state) {
  PutOptions options;
  options.content_type = state.content_type;
  options.expires_ms = state.expires_ms;
  options.version = state.epoch.version;
  const auto apply = [&](Entry& entry, const DirPath& path) -> Result<void> {
    rows::count(txn, path, 0, -static_cast<int64_t>(entry.bytes_charged()));
    rows::drop_value(txn, entry);
    if (state.value.size() > kInlineBytesMax) return rows::write_chunks(txn, path, entry, state.value);
    entry.inline_value = state.value;
    entry.size = state.value.size();
    rows::count(txn, path, 0, static_cast<int64_t>(entry.size));
    return {};
  };
  const Result<PutOutcome> done = rows::put_applied(txn, collection, key, options, apply);
  if (!done) return done.error();
  return {};
}

Result<void> write_typed(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& ours,
                         const KeyState& merged, const KeyState& theirs) {
  PutOptions options;
  options.content_type = merged.content_type;
  options.expires_ms = merged.expires_ms;
  options.type = merged.kind == KeyState::Kind::counter ? ValueType::counter : ValueType::set;
  rows::TypedStorage storage;
  const auto apply = [&](Entry& entry, const DirPath& path) -> Result<void> {
    const auto before = static_cast<int64_t>(entry.bytes_charged());
    const TypeState state = type_state(merged);
    if (options.type == ValueType::counter) {
      rows::drop_value(txn, entry);
      rows::store_counter(entry, state, storage);
    } else if (entry.type == ValueType::set && ours.epoch == merged.epoch && ours.kind == merged.kind) {
      rows::SetWriter set(txn, entry);
      set.merge(theirs.set);
      set.state().expires_ms = merged.expires_ms;
      set.state().expires_version = merged.expires_version;
      set.finish(entry, storage);
    } else {
      rows::drop_value(txn, entry);
      rows::SetWriter set(txn, entry);
      set.restore(state);
      set.finish(entry, storage);
    }
    rows::count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
    return {};
  };
  const Result<PutOutcome> done = rows::put_applied(txn, collection, key, options, apply);
  if (!done) return done.error();
  return {};
}

}  // namespace

Result<KeyState> state_of(const ReadTxn& txn, DirId collection, std::string_view key) {
  const Result<Entry> entry = get(txn, collection, key);
  if (entry) return state_of_entry(txn, *entry);
  if (entry.error().code != Errc::not_found) return entry.error();
  return rows::tombstone_of(txn.rows(), collection, key);
}

Result<bool> merge_state(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& theirs) {
  const Result<KeyState> ours = state_of(txn, collection, key);
  if (!ours) return ours.error();
  observe(txn.runtime(), theirs);
  KeyState merged = *ours;
  merged.merge(theirs);
  if (merged == *ours) return false;
  const bool expired = merged.expires_ms != 0 && merged.expires_ms <= txn.now_ms();
  if (merged.is_live() && !expired) {
    Result<void> done = merged.kind == KeyState::Kind::bytes ? write_bytes(txn, collection, key, merged)
                                                             : write_typed(txn, collection, key, *ours, merged, theirs);
    if (!done) return done.error();
    return true;
  }
  if (const Result<Version> gone = remove(txn, collection, key); !gone && gone.error().code != Errc::not_found)
    return gone.error();
  if (txn.runtime().keeps_tombstones()) rows::bury(txn, collection, key, merged);
  return true;
}

std::string forget_removed(WriteTxn& txn, DirId collection, Version stable, std::string_view after, size_t count_max) {
  const std::string prefix = tombstone_prefix(collection);
  std::vector<std::string> gone;
  std::string last;
  size_t seen = 0;
  {
    const auto cursor = txn.rows().cursor();
    for (cursor->seek(prefix + std::string(after)); cursor->valid() && cursor->key().starts_with(prefix);
         cursor->next()) {
      if (cursor->key().substr(prefix.size()) == after) continue;
      if (seen++ == count_max) break;
      last = cursor->key().substr(prefix.size());
      FieldReader in(cursor->value());
      if (in.take<Version>() < stable) gone.emplace_back(cursor->key());
    }
    if (seen <= count_max) last.clear();
  }
  for (const std::string& row : gone) txn.rows().erase(row);
  return last;
}

namespace rows {

std::string tombstone_row(DirId collection, std::string_view key) {
  std::string row = tombstone_prefix(collection);
  if (key.size() <= kKeyInRowMax) return row.append(key);
  row.append(key.substr(0, kKeyInRowPrefix));
  append_be64(row, siphash(0, key));
  append_be64(row, siphash(1, key));
  row.append(kKeyInRowMax - kKeyInRowPrefix, '\0');  // longer than any key that stands as it is
  return row;
}

KeyState tombstone_of(const Snapshot& rows, DirId collection, std::string_view key) {
  const auto row = rows.get(tombstone_row(collection, key));
  if (!row) return {};
  FieldReader in(*row);
  in.take<Version>();
  Result<KeyState> state = KeyState::decode(in.rest());
  if (!state) throw StoreException(state.error());
  return std::move(*state);
}

KeyState state_once_removed(WriteTxn& txn, const Entry& entry, Version version, bool expired) {
  KeyState out;
  out.kind = KeyState::Kind::removed;
  if (entry.type == ValueType::set) {
    // Observed-remove: what others have added meanwhile stays when it comes.
    Result<TypeState> state = load_state(txn, entry);
    if (!state) throw StoreException(state.error());
    out.kind = KeyState::Kind::set;
    out.epoch = state->epoch;
    out.set.restore_seen(state->set.seen());
  } else if (!expired) {
    out.epoch = {version, txn.runtime().replica()};
  } else if (entry.type == ValueType::counter) {
    out.epoch = {entry.expires_ms << 16, 0};  // wherever it expires
  } else {
    out.epoch = {entry.version, 0};  // it ends this value, not one that was put since
  }
  return out;
}

std::string unbury(WriteTxn& txn, DirId collection, std::string_view key) {
  const KeyState former = tombstone_of(txn.rows(), collection, key);
  if (former.kind == KeyState::Kind::absent) return {};
  txn.rows().erase(tombstone_row(collection, key));
  TypeState state;
  state.epoch = former.epoch;
  state.set.restore_seen(former.set.seen());
  return encode_set_state(state);
}

void bury(WriteTxn& txn, DirId collection, std::string_view key, const KeyState& state) {
  std::string value;
  append_le(value, txn.next_version());  // since when it is known here
  value.append(state.encode());
  txn.rows().put(tombstone_row(collection, key), value);
}

}  // namespace rows
}  // namespace kvfs
