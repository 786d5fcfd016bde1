#include "store/set_writer.h"

#include <algorithm>
#include <random>

#include "store/set_value.h"
#include "store/tree_rows.h"

namespace kvfs::rows {

void discard_elements(WriteTxn& txn, uint64_t owner, uint64_t count) {
  constexpr uint64_t kAtOnceMax = 1000;
  if (count <= kAtOnceMax) {
    std::string from;
    erase_elements(txn.rows(), owner, kAtOnceMax, from);
  } else {
    txn.rows().put(garbage_row(owner), {});
    txn.effects().garbage = true;
  }
}

uint64_t line_bytes(std::string_view member) {
  const auto escaped = std::count_if(member.begin(), member.end(), [](char c) { return c == '\\' || c == '\n'; });
  return member.size() + static_cast<uint64_t>(escaped) + 1;
}

SetWriter::SetWriter(WriteTxn& txn, const Entry& entry) : txn_(txn) {
  if (entry.type != ValueType::set) {
    state_.epoch = epoch_of_new(txn, entry);
    if (entry.version != 0 || entry.state.empty()) return;
    const Result<TypeState> former = decode_set_head(entry.state);
    if (former) state_.set.restore_seen(former->set.seen());
    return;
  }
  Result<TypeState> state = load_state(txn, entry);
  if (!state) throw StoreException(state.error());
  state_ = std::move(*state);
  if (in_rows()) {
    size_ = entry.keys;
    text_bytes_ = entry.size;
    return;
  }
  size_ = state_.set.size();
  for (const auto& [member, dots] : state_.set.additions()) text_bytes_ += line_bytes(member);
}

const Dot& SetWriter::dot() {
  if (dot_.version == 0) dot_ = {txn_.next_version(), txn_.runtime().replica()};
  return dot_;
}

void SetWriter::count(std::string_view member, bool added) {
  if (added) {
    size_ += 1;
    text_bytes_ += line_bytes(member);
    if (!in_rows() && (size_ > kInlineMembersMax || text_bytes_ > kInlineSetBytesMax)) move_to_rows();
  } else {
    size_ -= 1;
    text_bytes_ -= line_bytes(member);
  }
}

bool SetWriter::add(std::string_view member) {
  if (in_rows()) {
    if (!rows().insert(txn_.rows(), member, {dot()})) return false;
    VersionVector seen;
    seen.include(dot());
    state_.set.restore_seen(seen);
  } else {
    if (state_.set.contains(member)) return false;
    state_.set.add(dot(), member);
  }
  count(member, true);
  return true;
}

bool SetWriter::remove(std::string_view member) {
  const bool was_there = in_rows() ? rows().erase(txn_.rows(), member) : state_.set.remove(member);
  if (was_there) count(member, false);
  return was_there;
}

void SetWriter::put(std::string_view member, const std::set<Dot>& dots) {
  bool is_new = false;
  if (in_rows()) {
    is_new = rows().put(txn_.rows(), member, dots);
  } else {
    is_new = !state_.set.contains(member);
    state_.set.restore(member, dots);
  }
  if (is_new) count(member, true);
}

void SetWriter::replace(const std::vector<std::string>& members) {
  if (in_rows() && members.size() <= kInlineMembersMax) {
    // What stays is taken out; the rest goes at once, however much it is.
    OrSet kept;
    kept.restore_seen(state_.set.seen());
    for (const std::string& member : members)
      if (std::set<Dot> dots = rows().find(txn_.rows(), member); !dots.empty()) kept.restore(member, std::move(dots));
    drop_rows();
    state_.set = {};
    state_.set.restore_seen(kept.seen());
    for (const auto& [member, dots] : kept.additions()) put(member, dots);
  } else {
    std::vector<std::string> gone;
    const auto is_wanted = [&](std::string_view member) {
      return std::binary_search(members.begin(), members.end(), member);
    };
    if (in_rows()) {
      rows().walk(txn_.rows(), 0, [&](const SetRows::Item& item) {
        if (!is_wanted(item.member)) gone.emplace_back(item.member);
        return true;
      });
    } else {
      for (const std::string& member : state_.set.members())
        if (!is_wanted(member)) gone.push_back(member);
    }
    for (const std::string& member : gone) remove(member);
  }
  for (const std::string& member : members) add(member);
}

void SetWriter::merge(const OrSet& other) {
  if (!in_rows() && other.size() <= kInlineMembersMax) {
    state_.set.merge(other);
    size_ = state_.set.size();
    text_bytes_ = 0;
    for (const auto& [member, dots] : state_.set.additions()) text_bytes_ += line_bytes(member);
    if (size_ > kInlineMembersMax || text_bytes_ > kInlineSetBytesMax) move_to_rows();
    return;
  }
  if (!in_rows()) move_to_rows();
  // The rule of OrSet::merge, a member at a time: a dot stays if both have it or the other has not seen it.
  std::vector<std::pair<std::string, std::set<Dot>>> changed;
  rows().walk(txn_.rows(), 0, [&](const SetRows::Item& item) {
    const std::set<Dot> ours = SetRows::dots_of(item);
    const auto theirs = other.additions().find(item.member);
    std::set<Dot> kept;
    for (const Dot& dot : ours) {
      const bool they_have = theirs != other.additions().end() && theirs->second.contains(dot);
      if (they_have || !other.seen().includes(dot)) kept.insert(dot);
    }
    if (kept != ours) changed.emplace_back(item.member, std::move(kept));
    return true;
  });
  for (const auto& [member, kept] : changed) {
    if (kept.empty())
      remove(member);
    else
      put(member, kept);
  }
  for (const auto& [member, theirs] : other.additions()) {
    std::set<Dot> dots = rows().find(txn_.rows(), member);
    const size_t before = dots.size();
    for (const Dot& each : theirs)
      if (!state_.set.seen().includes(each)) dots.insert(each);
    if (dots.size() != before) put(member, dots);
  }
  state_.set.restore_seen(other.seen());
}

void SetWriter::restore(const TypeState& state) {
  state_ = state;
  state_.owner = state_.seed = 0;
  state_.set = {};
  state_.set.restore_seen(state.set.seen());
  for (const auto& [member, dots] : state.set.additions()) put(member, dots);
}

OrSet SetWriter::contents() const {
  OrSet out = state_.set;
  if (in_rows())
    rows().walk(txn_.rows(), 0, [&](const SetRows::Item& item) {
      out.restore(item.member, SetRows::dots_of(item));
      return true;
    });
  return out;
}

void SetWriter::move_to_rows() {
  const OrSet small = std::move(state_.set);
  state_.set = {};
  state_.set.restore_seen(small.seen());
  state_.owner = txn_.next_inode();
  state_.seed = txn_.runtime().member_seed();
  for (const auto& [member, dots] : small.additions()) rows().put(txn_.rows(), member, dots);
}

void SetWriter::drop_rows() {
  discard_elements(txn_, state_.owner, size_);
  state_.owner = 0;
  size_ = text_bytes_ = 0;
}

void SetWriter::finish(Entry& entry, TypedStorage& storage) {
  if (in_rows() && size_ == 0) drop_rows();
  if (entry.type != ValueType::set || (entry.chunked && !entry.elements)) {
    if (entry.chunked) erase_chunks(txn_, entry.inode);
    entry.chunked = false;
  }
  if (state_.expires_ms != entry.expires_ms) {
    state_.expires_ms = entry.expires_ms;
    state_.expires_version = txn_.next_version();
  }
  storage.text = in_rows() ? std::string() : encode_members(state_.set.members());
  storage.state = encode_set_state(state_);
  entry.type = ValueType::set;
  entry.elements = entry.chunked = in_rows();
  entry.size = text_bytes_;
  entry.bytes = in_rows() ? text_bytes_ : 0;
  entry.keys = size_;
  entry.inline_value = storage.text;
  entry.state = storage.state;
}

}  // namespace kvfs::rows
