#include "store/set_rows.h"

#include <string>
#include <vector>

#include "store/byte_order.h"
#include "store/siphash.h"

namespace kvfs {

namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr uint8_t kMemberFormat = 1;
constexpr size_t kDotBytes = 12;
constexpr size_t kMemberRowBytes = 18;

/// Calls `visit(member, dots)` for the members in a row: one, unless hashes collide.
template <class Visit>
void for_each_member(std::string_view row, Visit&& visit) {
  FieldReader in(row);
  if (in.take<uint8_t>() != kMemberFormat) throw StoreException({Errc::corrupt, "a member of an unknown format"});
  while (!in.rest().empty()) {
    const auto member_bytes = in.take<uint32_t>();
    const auto dots = in.take<uint16_t>();
    const std::string_view member = in.take_bytes(member_bytes);
    const std::string_view encoded = in.take_bytes(dots * kDotBytes);
    if (in.failed() || dots == 0) throw StoreException({Errc::corrupt, "a malformed member of a set"});
    if (!visit(member, encoded)) return;
  }
}

void append_member(std::string& row, std::string_view member, std::string_view dots) {
  append_le(row, static_cast<uint32_t>(member.size()));
  append_le(row, static_cast<uint16_t>(dots.size() / kDotBytes));
  row.append(member).append(dots);
}

std::string encode_dots(const std::set<Dot>& dots) {
  std::string out;
  for (const Dot& dot : dots) {
    append_le(out, dot.replica);
    append_le(out, dot.version);
  }
  return out;
}

std::set<Dot> decode_dots(std::string_view encoded) {
  FieldReader in(encoded);
  std::set<Dot> dots;
  while (!in.rest().empty()) {
    Dot dot;
    dot.replica = in.take<ReplicaId>();
    dot.version = in.take<Version>();
    dots.insert(dot);
  }
  return dots;
}

/// The row's other members.
std::string without(std::string_view row, std::string_view member, bool& was_there) {
  std::string out;
  append_le(out, kMemberFormat);
  for_each_member(row, [&](std::string_view present, std::string_view dots) {
    if (present == member)
      was_there = true;
    else
      append_member(out, present, dots);
    return true;
  });
  return out;
}

}  // namespace

uint64_t SetRows::hash(std::string_view member) const { return siphash(seed_, member); }

bool SetRows::contains(const Snapshot& rows, std::string_view member) const {
  const auto row = rows.get(MemberRow(owner_, hash(member)));
  bool found = false;
  if (row)
    for_each_member(*row, [&](std::string_view present, std::string_view) { return !(found = present == member); });
  return found;
}

std::set<Dot> SetRows::find(const Snapshot& rows, std::string_view member) const {
  std::set<Dot> found;
  if (const auto row = rows.get(member_row(owner_, hash(member))))
    for_each_member(*row, [&](std::string_view present, std::string_view dots) {
      if (present == member) found = decode_dots(dots);
      return found.empty();
    });
  return found;
}

bool SetRows::put(Transaction& rows, std::string_view member, const std::set<Dot>& dots) const {
  const std::string key = member_row(owner_, hash(member));
  bool was_there = false;
  std::string value;
  if (const auto row = rows.get(key))
    value = without(*row, member, was_there);
  else
    append_le(value, kMemberFormat);
  append_member(value, member, encode_dots(dots));
  rows.put(key, value);
  return !was_there;
}

bool SetRows::insert(Transaction& rows, std::string_view member, const std::set<Dot>& dots) const {
  const std::string key = member_row(owner_, hash(member));
  std::string value;
  if (const auto row = rows.get(key)) {
    bool was_there = false;
    value = without(*row, member, was_there);
    if (was_there) return false;
  } else {
    append_le(value, kMemberFormat);
  }
  append_member(value, member, encode_dots(dots));
  rows.put(key, value);
  return true;
}

bool SetRows::erase(Transaction& rows, std::string_view member) const {
  const std::string key = member_row(owner_, hash(member));
  const auto row = rows.get(key);
  if (!row) return false;
  bool was_there = false;
  const std::string rest = without(*row, member, was_there);
  if (!was_there) return false;
  if (rest.size() > 1)
    rows.put(key, rest);
  else
    rows.erase(key);
  return true;
}

void SetRows::walk(const Snapshot& rows, uint64_t hash, const std::function<bool(const Item&)>& visit) const {
  const std::string prefix = element_prefix(owner_);
  const auto cursor = rows.cursor();
  cursor->keep_to(prefix);
  for (cursor->seek(member_row(owner_, hash)); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    if (cursor->key().size() != kMemberRowBytes || cursor->key()[9] != kMemberElement)
      throw StoreException({Errc::corrupt, "a malformed key of a set's member"});
    const uint64_t at = load_be64(cursor->key().data() + 10);
    bool wanted = true;
    for_each_member(cursor->value(), [&](std::string_view member, std::string_view dots) {
      wanted = visit({at, member, dots});
      return wanted;
    });
    if (!wanted) return;
  }
}

std::set<Dot> SetRows::dots_of(const Item& item) { return decode_dots(item.dots); }

void append_item(std::string& out, const SetRows::Item& item) { append_member(out, item.member, item.dots); }

Result<void> take_items(std::string_view items, OrSet& into) {
  try {
    for_each_member("\x01" + std::string(items), [&](std::string_view member, std::string_view dots) {
      into.restore(member, decode_dots(dots));
      return true;
    });
  } catch (const StoreException& damage) {
    return damage.error();
  }
  return {};
}

size_t erase_elements(Transaction& rows, uint64_t owner, size_t count_max, std::string& from) {
  const std::string prefix = element_prefix(owner);
  std::vector<std::string> found;
  {
    const auto cursor = rows.cursor();
    cursor->keep_to(prefix);
    for (cursor->seek(from.empty() ? prefix : from);
         cursor->valid() && cursor->key().starts_with(prefix) && found.size() < count_max; cursor->next())
      found.emplace_back(cursor->key());
  }
  for (const std::string& row : found) rows.erase(row);
  if (!found.empty()) from = found.back();
  return found.size();
}

}  // namespace kvfs
