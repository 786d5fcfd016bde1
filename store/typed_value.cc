#include "store/typed_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "store/set_rows.h"
#include "store/set_value.h"
#include "store/set_writer.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

constexpr std::string_view kTypeNames[] = {"bytes", "counter", "set"};
constexpr int kPlaceShift = 11;  // a hash of 64 bits -> a place of 53, which clients may keep as doubles

std::optional<int64_t> parse_line(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.remove_suffix(1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  if (line.starts_with('+') && line.substr(1, 1) != "-") line.remove_prefix(1);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return number;
}

/// The number that a counter of `present` has once this text is written or appended.
Result<int64_t> number_of(std::string_view text, bool appends, int64_t present) {
  int64_t number = appends ? present : 0;
  bool adds = appends;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const std::optional<int64_t> value = parse_line(line);
    if (!value)
      return {Errc::invalid, "a counter takes whole numbers of 64 bits, one a line: the first sets, others add"};
    if (!adds)
      number = *value;
    else if (__builtin_add_overflow(number, *value, &number))
      return {Errc::out_of_range, "the sum does not fit into 64 bits"};
    adds = true;
  }
  return number;
}

Result<void> check_member(std::string_view member) {
  if (member.size() <= kMemberBytesMax) return {};
  return {Errc::value_too_large, fmt::format("a member of a set has at most {} bytes", kMemberBytesMax)};
}

/// Without a type's own error for what the caller treats as "nothing to do".
constexpr Errc kNothingChanged = Errc::exists;

}  // namespace

std::string_view to_string(ValueType type) { return kTypeNames[static_cast<size_t>(type)]; }

std::optional<ValueType> parse_value_type(std::string_view name) {
  const auto found = std::find(std::begin(kTypeNames), std::end(kTypeNames), name);
  if (found == std::end(kTypeNames)) return std::nullopt;
  return static_cast<ValueType>(found - std::begin(kTypeNames));
}

std::string_view counter_digits(const Entry& entry) {
  std::string_view digits = entry.inline_value;
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  return digits;
}

Result<int64_t> counter_value(const Entry& entry) {
  const std::optional<int64_t> number = parse_line(counter_digits(entry));
  if (!number) return {Errc::corrupt, "a counter without a number"};
  return *number;
}

// Reading sets

SetReader::SetReader(const ReadTxn& txn, const Entry& entry) : txn_(txn), size_(entry.keys) {
  if (entry.elements) {
    const Result<SetPlace> place = decode_set_place(entry.state);
    if (!place) throw StoreException(place.error());
    owner_ = place->owner;
    seed_ = place->seed;
    return;
  }
  const Result<std::string> text = read_whole_value(txn, entry, kValueBytesMax);
  if (!text) throw StoreException(text.error());
  members_ = decode_members(*text);
  size_ = members_.size();
}

bool SetReader::contains(std::string_view member) const {
  if (owner_ != 0) return SetRows(owner_, seed_).contains(txn_.rows(), member);
  return std::binary_search(members_.begin(), members_.end(), member);
}

void SetReader::for_each(const std::function<bool(std::string_view)>& visit) const {
  if (owner_ != 0)
    return SetRows(owner_, seed_).walk(txn_.rows(), 0, [&](const SetRows::Item& item) { return visit(item.member); });
  for (const std::string& member : members_)
    if (!visit(member)) return;
}

std::vector<std::string> SetReader::members() const {
  if (owner_ == 0) return members_;
  std::vector<std::string> out;
  out.reserve(size_);
  for_each([&](std::string_view member) {
    out.emplace_back(member);
    return true;
  });
  std::sort(out.begin(), out.end());
  return out;
}

std::string SetReader::random(const std::function<uint64_t(uint64_t)>& draw) const {
  if (owner_ == 0) return members_.at(draw(members_.size()));
  // A window laid anywhere on the ring of hashes holds every member equally often. One of its places is drawn, of which
  // there are more than it ever has members; where nobody stands there, all is drawn again.
  constexpr uint64_t kWindowMembers = 4;  // on average
  constexpr uint64_t kPlaces = 16;
  constexpr int kTriesMax = 1000;  // each of which fails three times out of four
  const SetRows rows(owner_, seed_);
  const bool everything = size_ <= kPlaces;
  const uint64_t width = everything ? UINT64_MAX : UINT64_MAX / size_ * kWindowMembers;
  std::optional<std::string> found;
  for (int tries = 0; tries < kTriesMax && !found; ++tries) {
    const uint64_t begin = everything ? 0 : draw(UINT64_MAX);
    uint64_t place = draw(everything ? size_ : kPlaces);
    const auto take = [&](const SetRows::Item& item) {
      if (item.hash - begin > width) return false;
      if (place-- != 0) return true;
      found.emplace(item.member);
      return false;
    };
    rows.walk(txn_.rows(), begin, take);
    if (!found && begin > UINT64_MAX - width) rows.walk(txn_.rows(), 0, take);  // round the end
  }
  if (!found) throw StoreException({Errc::corrupt, "a set that has fewer members than it says"});
  return std::move(*found);
}

std::vector<std::string> SetReader::to_pop(size_t count, const std::function<uint64_t(uint64_t)>& draw) const {
  std::vector<std::string> out;
  count = std::min<uint64_t>(count, size_);
  out.reserve(count);
  if (owner_ == 0) {
    std::vector<std::string> left = members_;
    for (; out.size() < count; left.pop_back()) {
      std::swap(left[draw(left.size())], left.back());
      out.push_back(std::move(left.back()));
    }
    return out;
  }
  PopMarks& marks = txn_.runtime().pop_marks();
  const std::optional<uint64_t> mark = marks.find(owner_);
  const uint64_t begin = mark ? *mark : draw(UINT64_MAX);
  bool again = false;  // round the end
  uint64_t last = begin;
  const auto take = [&](const SetRows::Item& item) {
    if (out.size() == count || (again && item.hash >= begin)) return false;
    out.emplace_back(item.member);
    last = item.hash;
    return out.size() < count;
  };
  const SetRows rows(owner_, seed_);
  rows.walk(txn_.rows(), begin, take);
  again = out.size() < count;
  if (again) rows.walk(txn_.rows(), 0, take);
  marks.set(owner_, last + 1);
  return out;
}

SetReader::Page SetReader::page(uint64_t place, size_t count) const {
  Page page;
  if (owner_ == 0) {
    page.members = members_;
    return page;
  }
  SetRows(owner_, seed_).walk(txn_.rows(), place << kPlaceShift, [&](const SetRows::Item& item) {
    const uint64_t at = item.hash >> kPlaceShift;
    if (page.members.size() >= count && at != place) {
      page.next = at;
      return false;
    }
    place = at;
    page.members.emplace_back(item.member);
    return true;
  });
  return page;
}

// Changing

Result<CounterOutcome> add_to_counter(WriteTxn& txn, DirId collection, std::string_view key, int64_t amount,
                                      PutOptions options) {
  CounterOutcome outcome;
  rows::TypedStorage storage;
  options.type = ValueType::counter;
  const auto apply = [&](Entry& entry, const DirPath& path) -> Result<void> {
    if (entry.version != 0 && entry.type != ValueType::counter) return {Errc::wrong_type, "the key holds no counter"};
    const auto before = static_cast<int64_t>(entry.bytes_charged());
    TypeState state;
    if (entry.type == ValueType::counter) {
      Result<TypeState> loaded = rows::load_state(txn, entry);
      if (!loaded) return loaded.error();
      state = std::move(*loaded);
    } else {
      state.epoch = rows::epoch_of_new(txn, entry);
    }
    if (__builtin_add_overflow(state.counter.value(), amount, &outcome.value))
      return {Errc::out_of_range, "the sum does not fit into 64 bits"};
    state.counter.add(txn.runtime().replica(), amount);
    if (state.expires_ms != entry.expires_ms) {
      state.expires_ms = entry.expires_ms;
      state.expires_version = txn.next_version();
    }
    rows::store_counter(entry, state, storage);
    rows::count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
    return {};
  };
  const Result<PutOutcome> done = rows::put_applied(txn, collection, key, options, apply);
  if (!done) return done.error();
  outcome.put = *done;
  return outcome;
}

namespace {

/// Whether a large set, to which the precondition lets one add, has all of these already: frequent, and cheap to see.
bool holds_all(const WriteTxn& txn, DirId collection, std::string_view key, std::span<const std::string_view> members,
               const Precondition& precondition, uint64_t& size) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  if (!slot) return false;
  const Result<Entry> entry = find_entry(txn, *slot);
  if (!entry || entry->type != ValueType::set || !entry->elements || !check(precondition, &*entry)) return false;
  const SetReader set(txn, *entry);
  const auto is_member = [&](std::string_view member) { return set.contains(member); };
  if (!std::all_of(members.begin(), members.end(), is_member)) return false;
  size = set.size();
  note_read(txn, collection, &*slot);
  return true;
}

}  // namespace

Result<SetOutcome> add_members(WriteTxn& txn, DirId collection, std::string_view key,
                               std::span<const std::string_view> members, PutOptions options) {
  for (const std::string_view member : members)
    if (Result<void> ok = check_member(member); !ok) return ok.error();
  SetOutcome outcome;
  if (holds_all(txn, collection, key, members, options.precondition, outcome.size)) return outcome;
  rows::TypedStorage storage;
  options.type = ValueType::set;
  const auto apply = [&](Entry& entry, const DirPath& path) -> Result<void> {
    const bool is_new = entry.version == 0;
    if (!is_new && entry.type != ValueType::set) return {Errc::wrong_type, "the key holds no set"};
    const auto before = static_cast<int64_t>(entry.bytes_charged());
    rows::SetWriter set(txn, entry);
    outcome.changed = 0;
    for (const std::string_view member : members) outcome.changed += set.add(member) ? 1 : 0;
    outcome.size = set.size();
    if (outcome.changed == 0 && !is_new) return kNothingChanged;
    set.finish(entry, storage);
    rows::count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
    return {};
  };
  const Result<PutOutcome> done = rows::put_applied(txn, collection, key, options, apply);
  if (done)
    outcome.put = *done;
  else if (done.error().code != kNothingChanged)
    return done.error();
  return outcome;
}

Result<SetOutcome> remove_members(WriteTxn& txn, DirId collection, std::string_view key,
                                  std::span<const std::string_view> members, const Precondition& precondition,
                                  bool keep_empty) {
  SetOutcome outcome;
  const Result<Entry> present = get(txn, collection, key);
  if (!present) return present.error();
  if (present->type != ValueType::set) return {Errc::wrong_type, "the key holds no set"};
  if (Result<void> ok = check(precondition, &*present); !ok) return ok.error();
  rows::TypedStorage storage;
  PutOptions options;
  options.keep_content_type = options.keep_expiry = true;
  options.type = ValueType::set;
  const auto apply = [&](Entry& entry, const DirPath& path) -> Result<void> {
    const auto before = static_cast<int64_t>(entry.bytes_charged());
    rows::SetWriter set(txn, entry);
    outcome.changed = 0;
    for (const std::string_view member : members) outcome.changed += set.remove(member) ? 1 : 0;
    outcome.size = set.size();
    if (outcome.changed == 0 || (outcome.size == 0 && !keep_empty)) return kNothingChanged;
    set.finish(entry, storage);
    rows::count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
    return {};
  };
  const Result<PutOutcome> done = rows::put_applied(txn, collection, key, options, apply);
  if (!done && done.error().code != kNothingChanged) return done.error();
  if (done) {
    outcome.put = *done;
  } else if (outcome.changed != 0) {
    const Result<Version> removed = rows::remove_key(txn, collection, key, {}, rows::Removal::for_good);
    if (!removed) return removed.error();
    outcome.put.version = *removed;
    outcome.removed_key = true;
  }
  return outcome;
}

namespace rows {

Result<TypeState> load_state(const ReadTxn& txn, const Entry& entry) {
  if (entry.type == ValueType::counter) {
    if (!entry.state.empty()) return decode_counter_state(entry.state);
    TypeState state;  // a number that was called a counter before there were any
    const Result<std::string> text = read_whole_value(txn, entry, kTypedTextBytesMax);
    if (!text) return text.error();
    const Result<int64_t> number = number_of(*text, false, 0);
    if (number) state.counter.add(0, *number);
    return state;
  }
  if (entry.elements) return decode_set_head(entry.state);
  const Result<std::string> text = read_whole_value(txn, entry, kValueBytesMax);
  if (!text) return text.error();
  if (!entry.state.empty()) return decode_set_state(entry.state, *text);
  TypeState state;
  for (const std::string& member : decode_members(*text)) state.set.add({entry.version, 0}, member);
  return state;
}

Dot epoch_of_new(WriteTxn& txn, const Entry& entry) {
  if (entry.version != 0) return {txn.next_version(), txn.runtime().replica()};
  if (entry.state.empty()) return {};
  const Result<TypeState> former = decode_set_head(entry.state);
  return former ? former->epoch : Dot();
}

void store_counter(Entry& entry, const TypeState& state, TypedStorage& storage) {
  storage.text = std::to_string(state.counter.value()) + "\n";
  storage.state = encode_counter_state(state);
  entry.type = ValueType::counter;
  entry.chunked = entry.elements = false;
  entry.bytes = entry.keys = 0;
  entry.size = storage.text.size();
  entry.inline_value = storage.text;
  entry.state = storage.state;
}

void erase_contents(WriteTxn& txn, const Entry& entry) {
  if (!entry.elements) {
    if (entry.chunked) erase_chunks(txn, entry.inode);
    return;
  }
  const Result<TypeState> head = decode_set_head(entry.state);
  if (!head) throw StoreException(head.error());
  discard_elements(txn, head->owner, entry.keys);
}

void drop_value(WriteTxn& txn, Entry& entry) {
  erase_contents(txn, entry);
  entry.chunked = entry.elements = false;
  entry.size = entry.bytes = entry.keys = 0;
  entry.inline_value = entry.state = {};
  entry.type = ValueType::bytes;
}

Result<void> assign_typed(WriteTxn& txn, Entry& entry, ValueType to, std::string_view text, bool appends,
                          TypedStorage& storage) {
  if (to == ValueType::set) {
    const std::vector<std::string> members = decode_members(text);
    for (const std::string& member : members)
      if (Result<void> ok = check_member(member); !ok) return ok;
    SetWriter set(txn, entry);
    if (entry.elements && entry.type != ValueType::set) return Errc::corrupt;
    if (appends)
      for (const std::string& member : members) set.add(member);
    else
      set.replace(members);
    set.finish(entry, storage);
    return {};
  }
  TypeState state;
  const bool was_counter = entry.type == ValueType::counter;
  if (was_counter) {
    Result<TypeState> loaded = load_state(txn, entry);
    if (!loaded) return loaded.error();
    state = std::move(*loaded);
  }
  const int64_t present = state.counter.value();
  const Result<int64_t> number = number_of(text, appends, present);
  if (!number) return number.error();
  if (!was_counter) {
    state.epoch = epoch_of_new(txn, entry);
    drop_value(txn, entry);
  } else if (entry.chunked) {
    erase_contents(txn, entry);
  }
  // Setting adds the difference to what the setter has seen, so that it merges with what others add.
  state.counter.add(txn.runtime().replica(),
                    static_cast<int64_t>(static_cast<uint64_t>(*number) - static_cast<uint64_t>(present)));
  if (state.expires_ms != entry.expires_ms) {
    state.expires_ms = entry.expires_ms;
    state.expires_version = txn.next_version();
  }
  store_counter(entry, state, storage);
  return {};
}

namespace {

/// The bytes of a staged value from `from` on, as they are once it lies over the entry's present value.
Result<std::string> text_of(WriteTxn& txn, const Entry& entry, const StagedValue& value, uint64_t from) {
  from = std::min(from, value.size);
  if (value.bytes) return value.bytes->substr(from);
  if (value.size - from > kTypedTextBytesMax)
    return {Errc::value_too_large,
            fmt::format("the text of a counter or set has at most {} bytes", kTypedTextBytesMax)};
  std::string text(value.size - from, '\0');
  if (!value.replaces && from < entry.size)
    if (const auto got = read_value(txn, entry, from, text.size(), text.data()); !got) return got.error();
  std::string chunk(kChunkBytes, '\0');
  for (const auto& [index, ref] : value.chunks()) {
    const uint64_t start = uint64_t{index} * kChunkBytes;
    const uint64_t end = std::min(start + kChunkBytes, value.size);
    if (end <= std::max(start, from)) continue;  // also what a truncation has left beyond the end
    if (const auto got = value.read_chunk(index, chunk.data()); !got) return got.error();
    const uint64_t begin = std::max(start, from);
    std::memcpy(text.data() + (begin - from), chunk.data() + (begin - start), end - begin);
  }
  return text;
}

}  // namespace

Result<void> apply_typed(WriteTxn& txn, const DirPath* path, Entry& entry, ValueType to, const StagedValue& value,
                         std::optional<uint64_t> appended_from, TypedStorage& storage) {
  const auto before = static_cast<int64_t>(entry.bytes_charged());
  const Result<std::string> text = text_of(txn, entry, value, appended_from.value_or(0));
  if (!text) return text.error();
  if (Result<void> ok = assign_typed(txn, entry, to, *text, appended_from.has_value(), storage); !ok) return ok;
  if (path != nullptr) count(txn, *path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
  // Whoever staged them takes them for published.
  for (const auto& [index, ref] : value.chunks())
    if (ref) txn.rows().release_chunk(*ref);
  return {};
}

Result<size_t> read_elements(const ReadTxn& txn, const Entry& entry, uint64_t offset, size_t length, char* out) {
  const Result<TypeState> head = decode_set_head(entry.state);
  if (!head) return head.error();
  if (offset >= entry.size || length == 0) return size_t{0};
  const uint64_t end = offset + std::min<uint64_t>(length, entry.size - offset);
  ReadMarks& marks = txn.runtime().read_marks();
  ReadMarks::Mark mark = marks.find(head->owner, entry.version, offset).value_or(ReadMarks::Mark{});
  uint64_t at = mark.offset;
  const uint64_t from = mark.hash;
  mark = {head->owner, entry.version, at, from};
  std::vector<std::string> one(1);
  SetRows(head->owner, head->seed).walk(txn.rows(), from, [&](const SetRows::Item& item) {
    if (item.hash != mark.hash) mark.offset = at, mark.hash = item.hash;
    one[0] = item.member;
    const std::string line = encode_members(one);
    const uint64_t begin = std::max(at, offset);
    const uint64_t stop = std::min(at + line.size(), end);
    if (begin < stop) std::memcpy(out + (begin - offset), line.data() + (begin - at), stop - begin);
    at += line.size();
    return at < end;
  });
  if (at < end) return {Errc::corrupt, "a set whose members are fewer than its entry says"};
  if (end < entry.size) marks.add(mark);
  return static_cast<size_t>(end - offset);
}

}  // namespace rows
}  // namespace kvfs
