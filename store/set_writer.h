// Internal to store/: changes the set of an entry, wherever its members lie.
#pragma once

#include "store/set_rows.h"
#include "store/typed_value.h"

namespace kvfs::rows {

/// Used within one transaction. After construction the entry's views of its value and state are not used any more.
class SetWriter {
 public:
  /// The set that `entry` is, or an empty one where it is of another type. Throws StoreException on damage.
  SetWriter(WriteTxn& txn, const Entry& entry);

  uint64_t size() const { return size_; }
  TypeState& state() { return state_; }
  /// False: it was a member already.
  bool add(std::string_view member);
  bool remove(std::string_view member);
  /// Exactly these are members then. REQUIRES: in byte order, each once.
  void replace(const std::vector<std::string>& members);
  /// Takes over what another replica has: see OrSet::merge.
  void merge(const OrSet& other);
  /// Becomes this set, as it was elsewhere. REQUIRES: it is empty.
  void restore(const TypeState& state);
  /// All members with their additions.
  OrSet contents() const;

  /// Writes what has changed to the entry, which becomes a set.
  void finish(Entry& entry, TypedStorage& storage);

 private:
  bool in_rows() const { return state_.owner != 0; }
  SetRows rows() const { return {state_.owner, state_.seed}; }
  const Dot& dot();
  void put(std::string_view member, const std::set<Dot>& dots);
  void count(std::string_view member, bool added);
  void move_to_rows();
  void drop_rows();

  WriteTxn& txn_;
  TypeState state_;
  uint64_t size_ = 0;
  uint64_t text_bytes_ = 0;
  Dot dot_;  // of this transaction's additions
};

/// The `count` element rows of `owner` go: at once, or where they are many, soon (Store::purge_elements).
void discard_elements(WriteTxn& txn, uint64_t owner, uint64_t count);
/// How long a member is in the set's text.
uint64_t line_bytes(std::string_view member);

}  // namespace kvfs::rows
