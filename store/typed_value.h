// Values that merge: counters and sets, and their text, by which files and HTTP read and write them. A counter's text
// is its number and a line feed; of a text written, the first line is the number, and each further line is added. A
// set's text has a member a line (set_value.h). Appending adds: to the number, or members.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/keyspace.h"
#include "store/type_state.h"

namespace kvfs {

// A set lies in its entry's row up to both of these, else in element rows.
inline constexpr uint64_t kInlineMembersMax = 128;
inline constexpr uint64_t kInlineSetBytesMax = 4096;
inline constexpr size_t kMemberBytesMax = 512 * 1024;
/// The longest text that is taken as a counter or set at once.
inline constexpr uint64_t kTypedTextBytesMax = 64 * 1024 * 1024;

std::string_view to_string(ValueType type);
/// "bytes", "counter", "set".
std::optional<ValueType> parse_value_type(std::string_view name);

/// The number of a counter as text. REQUIRES: entry.type == counter.
std::string_view counter_digits(const Entry& entry);
/// Errors: corrupt.
Result<int64_t> counter_value(const Entry& entry);

/// Reads a set. Valid as long as its entry. REQUIRES: entry.type == set. Throws StoreException on damage.
class SetReader {
 public:
  SetReader(const ReadTxn& txn, const Entry& entry);
  uint64_t size() const { return size_; }
  /// What it costs to look one up depends on neither.
  bool contains(std::string_view member) const;
  std::vector<std::string> members() const;  // in byte order
  /// In the set's own order, which is not disturbed by members that come and go, until `visit` returns false.
  void for_each(const std::function<bool(std::string_view)>& visit) const;
  /// A member drawn with `draw(n)`, which gives a number below n. REQUIRES: size() > 0.
  std::string random(const std::function<uint64_t(uint64_t)>& draw) const;
  /// Up to `count` members, each once, of which the caller removes all: those that follow the last ones in the set's
  /// own order, which nobody outside can tell. At first, and in a small set, they are drawn.
  std::vector<std::string> to_pop(size_t count, const std::function<uint64_t(uint64_t)>& draw) const;
  /// Up to about `count` members from a place on; `next` is 0 at the end. Places are below 2^53.
  struct Page {
    std::vector<std::string> members;
    uint64_t next = 0;
  };
  Page page(uint64_t place, size_t count) const;

 private:
  const ReadTxn& txn_;
  uint64_t size_ = 0;
  uint64_t owner_ = 0;
  uint64_t seed_ = 0;
  std::vector<std::string> members_;  // of a small set
};

struct CounterOutcome {
  PutOutcome put;
  int64_t value = 0;
};
/// Adds to a counter, made if absent. Errors: as put(), wrong_type, out_of_range (the sum has not 64 bits).
Result<CounterOutcome> add_to_counter(WriteTxn& txn, DirId collection, std::string_view key, int64_t amount,
                                      PutOptions options);

struct SetOutcome {
  PutOutcome put;
  uint64_t changed = 0;      // members added or removed; 0: nothing was written
  uint64_t size = 0;         // members now
  bool removed_key = false;  // with its last member
};
/// Adds members to a set, made if absent. What is a member already is no change.
/// Errors: as put(), wrong_type, value_too_large (a member).
Result<SetOutcome> add_members(WriteTxn& txn, DirId collection, std::string_view key,
                               std::span<const std::string_view> members, PutOptions options);
/// Removes members; with the last one the key goes, unless `keep_empty`. Errors: not_found, wrong_type,
/// precondition_failed.
Result<SetOutcome> remove_members(WriteTxn& txn, DirId collection, std::string_view key,
                                  std::span<const std::string_view> members, const Precondition& precondition = {},
                                  bool keep_empty = false);

// Internal to store/:
namespace rows {

/// Keeps the bytes that a changed entry's views point to.
struct TypedStorage {
  std::string text;
  std::string state;
};
/// Of a counter or set that takes the place of `entry`'s value; a key that is new has that of its tombstone.
Dot epoch_of_new(WriteTxn& txn, const Entry& entry);

/// True where the value's type or the one it shall have is more than bytes.
inline bool is_typed(const Entry& entry, ValueType to) {
  return entry.type != ValueType::bytes || to != ValueType::bytes;
}
/// Makes `entry`, whose value is of entry.type now, a counter or set of this text (`appends`: adds it). Does not count.
/// Errors: invalid (a line that is no number), out_of_range, value_too_large.
Result<void> assign_typed(WriteTxn& txn, Entry& entry, ValueType to, std::string_view text, bool appends,
                          TypedStorage& storage);
/// Likewise with a staged value; from `appended_from` on it was appended. Counts the difference.
Result<void> apply_typed(WriteTxn& txn, const DirPath* path, Entry& entry, ValueType to, const StagedValue& value,
                         std::optional<uint64_t> appended_from, TypedStorage& storage);
/// The entry's value and state go; it is empty bytes then. Does not count.
void drop_value(WriteTxn& txn, Entry& entry);
/// Gives back what lies outside of the entry's row. REQUIRES: its views are still valid.
void erase_contents(WriteTxn& txn, const Entry& entry);
/// Reads the text of a set in element rows.
Result<size_t> read_elements(const ReadTxn& txn, const Entry& entry, uint64_t offset, size_t length, char* out);
/// The state of a counter or set, with its members where they lie in the entry, also of one made before there were
/// states. Errors: corrupt.
Result<TypeState> load_state(const ReadTxn& txn, const Entry& entry);
/// Sets value, sizes and state of a counter. `state` is complete.
void store_counter(Entry& entry, const TypeState& state, TypedStorage& storage);

/// What put() does, with the bytes set by `apply(entry, path)`, which sees entry.type as it was.
using ApplyValue = std::function<Result<void>(Entry& entry, const DirPath& path)>;
Result<PutOutcome> put_applied(WriteTxn& txn, DirId collection, std::string_view key, const PutOptions& options,
                               const ApplyValue& apply);

}  // namespace rows
}  // namespace kvfs
