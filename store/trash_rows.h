// Internal to store/: the rows of the trash (docs/format.md, "Trash"), and how a removal fills them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/trash.h"
#include "store/txn.h"

namespace kvfs::rows {

/// Where a removed value was, and until when it is kept.
struct TrashPlace {
  DirId tenant = 0;
  Version id = 0;           // of the removal
  uint64_t ends_ms = 0;     // when it goes
  uint64_t expires_ms = 0;  // of the value itself
  std::string_view collection;
  std::string_view key;
};
std::string encode_trash_place(const TrashPlace& place);
/// Views into `bytes`; `rest` is what follows. Errors: corrupt.
Result<TrashPlace> decode_trash_place(std::string_view bytes, std::string_view& rest);

/// Every row of a tenant's trash begins with this; it is the key of the row of its totals.
std::string trash_prefix(DirId tenant);
/// Every item begins with this.
std::string trash_items(DirId tenant);
std::string trash_item(DirId tenant, Version id);
/// Every row of the index by time begins with this.
std::string trash_ends(DirId tenant);
std::string trash_end(DirId tenant, uint64_t ends_ms, Version id);

enum class TrashRow { totals, item, end };
struct ParsedTrashRow {
  TrashRow what = TrashRow::totals;
  DirId tenant = 0;
  uint64_t ends_ms = 0;  // of the index by time
  Version id = 0;        // of an item, and there
};
/// Errors: corrupt.
Result<ParsedTrashRow> parse_trash_row(std::string_view row);

std::string encode_trash_totals(const TrashUse& use);
/// Errors: corrupt.
Result<TrashUse> decode_trash_totals(std::string_view row);

/// An item's row: the place, then the entry's row.
struct TrashItem {
  TrashPlace place;
  Entry entry;
};
/// Errors: corrupt.
Result<TrashItem> decode_trash_item(std::string_view row);

/// The note of a value that goes into the trash now: its place, encoded; nullopt: it is not kept. What is too large
/// for the trash and what has nothing to lose goes at once. REQUIRES: trash().keeps(), and `entry` has no other name.
std::optional<std::string> trash_note(const WriteTxn& txn, const DirPath& path, std::string_view key,
                                      const Entry& entry, Version id);
/// The value goes into the trash, with its chunks and elements, which stay where they are. `note` is its place.
/// REQUIRES: the entry's views are valid, and it is in no other row when the transaction ends.
void put_into_trash(WriteTxn& txn, std::string_view note, const Entry& entry);
/// Takes an item's rows out; its chunks and elements stay.
void take_from_trash(WriteTxn& txn, const TrashPlace& place, uint64_t bytes);
/// What one transaction drops at most, so that other writers do not wait for long; of larger ones, one.
inline constexpr size_t kDroppedKeysMax = 128;
inline constexpr uint64_t kDroppedBytesMax = 64 * 1024 * 1024;
/// The items go for good, at least one and no more than that. Returns how many; those that had gone do not count.
size_t drop_from_trash(WriteTxn& txn, DirId tenant, std::span<const Version> ids);

/// Adds what the transaction has done to the totals; part of finish().
void write_trash_totals(WriteTxn& txn);

}  // namespace kvfs::rows
