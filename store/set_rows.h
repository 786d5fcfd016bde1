// The members of a large set as element rows, one a member, in the order of a keyed hash: finding, adding, removing and
// drawing one costs one row whatever the set's size (docs/format.md, "Elements"). Knows nothing of entries.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "store/crdt.h"
#include "store/engine/engine.h"
#include "store/key.h"

namespace kvfs {

/// The set whose rows belong to `owner`. Throws StoreException on damage.
class SetRows {
 public:
  SetRows(uint64_t owner, uint64_t seed) : owner_(owner), seed_(seed) {}

  /// Where a member stands; members are walked in this order.
  uint64_t hash(std::string_view member) const;
  bool contains(const Snapshot& rows, std::string_view member) const;
  /// Empty: not a member.
  std::set<Dot> find(const Snapshot& rows, std::string_view member) const;
  /// REQUIRES: `dots` is not empty. True where it was no member.
  bool put(Transaction& rows, std::string_view member, const std::set<Dot>& dots) const;
  /// Likewise, but leaves a member as it is.
  bool insert(Transaction& rows, std::string_view member, const std::set<Dot>& dots) const;
  /// True where it was a member.
  bool erase(Transaction& rows, std::string_view member) const;

  struct Item {
    uint64_t hash = 0;
    std::string_view member;  // valid until `visit` returns
    std::string_view dots;    // encoded, see dots_of()
  };
  /// Calls `visit` for the members from `hash` on, in order, until it returns false.
  void walk(const Snapshot& rows, uint64_t hash, const std::function<bool(const Item&)>& visit) const;
  static std::set<Dot> dots_of(const Item& item);

 private:
  uint64_t owner_;
  uint64_t seed_;
};

/// Members one behind the other, for dumps.
void append_item(std::string& out, const SetRows::Item& item);
/// Errors: corrupt.
Result<void> take_items(std::string_view items, OrSet& into);

/// Removes up to `count_max` element rows of `owner`; returns how many there were. `from` says where a later call goes
/// on; empty: at the first.
size_t erase_elements(Transaction& rows, uint64_t owner, size_t count_max, std::string& from);

}  // namespace kvfs
