// Counters and sets: their states, and the element rows of large sets.
#include <fmt/format.h>

#include "store/check_scan.h"
#include "store/set_rows.h"
#include "store/set_writer.h"

namespace kvfs {

void CheckScan::check_type_of(const std::string& where, const std::string& row, const Entry& entry) {
  if (entry.state.empty()) return;
  const bool counter = entry.type == ValueType::counter;
  const Result<TypeState> state = counter          ? decode_counter_state(entry.state)
                                  : entry.elements ? decode_set_head(entry.state)
                                                   : decode_set_state(entry.state, entry.inline_value);
  if (!state) {
    found(where, state.error().message(), false);
    return;
  }
  if (entry.elements) {
    check_members_of(where, row, entry, *state);
    return;
  }
  Entry mended = entry;
  std::string text;
  if (counter) {
    text = std::to_string(state->counter.value()) + "\n";
    if (text == entry.inline_value) return;
    found(where, "its number is not the sum of its replicas' parts", true);
    mended.inline_value = text;
    mended.size = text.size();
  } else {
    if (entry.keys == state->set.size()) return;
    found(where, fmt::format("states {} members; there are {}", entry.keys, state->set.size()), true);
    mended.keys = state->set.size();
  }
  fix(row, encode_entry(mended));
}

void CheckScan::check_members_of(const std::string& where, const std::string& row, const Entry& entry,
                                 const TypeState& head) {
  if (!owners_.insert(head.owner)) found(where, "shares its members with another set", false);
  inode_max_ = std::max(inode_max_, head.owner);
  const SetRows set(head.owner, head.seed);
  uint64_t members = 0;
  uint64_t bytes = 0;
  try {
    set.walk(rows_, 0, [&](const SetRows::Item& item) {
      if (set.hash(item.member) != item.hash) found(where, "a member stands in another one's place", false);
      members += 1;
      bytes += rows::line_bytes(item.member);
      return true;
    });
  } catch (const StoreException& damage) {
    found(where, damage.error().message(), false);
    return;
  }
  if (members == entry.keys && bytes == entry.size && bytes == entry.bytes) return;
  found(where, fmt::format("states {} members of {} bytes; there are {} of {}", entry.keys, entry.size, members, bytes),
        true);
  Entry mended = entry;
  mended.keys = members;
  mended.size = mended.bytes = bytes;
  fix(row, encode_entry(mended));
}

}  // namespace kvfs
