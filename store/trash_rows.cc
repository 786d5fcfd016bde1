#include "store/trash_rows.h"

#include <algorithm>

#include "store/byte_order.h"
#include "store/runtime.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs::rows {

namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr uint8_t kPlaceFormat = 1;
constexpr uint8_t kTotalsFormat = 1;
constexpr char kItemMark = 'r';
constexpr char kEndMark = 't';

constexpr size_t kPrefixBytes = 1 + sizeof(DirId);
constexpr size_t kItemBytes = kPrefixBytes + 1 + sizeof(Version);
constexpr size_t kEndBytes = kItemBytes + sizeof(uint64_t);

}  // namespace

std::string encode_trash_place(const TrashPlace& place) {
  std::string out;
  append_le(out, kPlaceFormat);
  append_le(out, place.tenant);
  append_le(out, place.id);
  append_le(out, place.ends_ms);
  append_le(out, place.expires_ms);
  append_le(out, static_cast<uint16_t>(place.collection.size()));
  append_le(out, static_cast<uint16_t>(place.key.size()));
  return out.append(place.collection).append(place.key);
}

Result<TrashPlace> decode_trash_place(std::string_view bytes, std::string_view& rest) {
  FieldReader in(bytes);
  TrashPlace place;
  const auto format = in.take<uint8_t>();
  place.tenant = in.take<DirId>();
  place.id = in.take<Version>();
  place.ends_ms = in.take<uint64_t>();
  place.expires_ms = in.take<uint64_t>();
  const auto collection_bytes = in.take<uint16_t>();
  const auto key_bytes = in.take<uint16_t>();
  place.collection = in.take_bytes(collection_bytes);
  place.key = in.take_bytes(key_bytes);
  rest = in.rest();
  if (in.failed() || format != kPlaceFormat) return {Errc::corrupt, "a malformed place of a removed value"};
  return place;
}

std::string trash_prefix(DirId tenant) {
  std::string row(1, static_cast<char>(Table::trash));
  append_be64(row, tenant);
  return row;
}

std::string trash_items(DirId tenant) { return trash_prefix(tenant) + kItemMark; }

std::string trash_item(DirId tenant, Version id) {
  std::string row = trash_items(tenant);
  append_be64(row, id);
  return row;
}

std::string trash_ends(DirId tenant) { return trash_prefix(tenant) + kEndMark; }

std::string trash_end(DirId tenant, uint64_t ends_ms, Version id) {
  std::string row = trash_ends(tenant);
  append_be64(row, ends_ms);
  append_be64(row, id);
  return row;
}

Result<ParsedTrashRow> parse_trash_row(std::string_view row) {
  ParsedTrashRow out;
  if (row.size() >= kPrefixBytes) out.tenant = load_be64(row.data() + 1);
  if (row.size() == kPrefixBytes) return out;
  const char mark = row.size() > kPrefixBytes ? row[kPrefixBytes] : '\0';
  if (mark == kItemMark && row.size() == kItemBytes) {
    out.what = TrashRow::item;
    out.id = load_be64(row.data() + kPrefixBytes + 1);
    return out;
  }
  if (mark == kEndMark && row.size() == kEndBytes) {
    out.what = TrashRow::end;
    out.ends_ms = load_be64(row.data() + kPrefixBytes + 1);
    out.id = load_be64(row.data() + kItemBytes);
    return out;
  }
  return {Errc::corrupt, "a malformed row key of the trash"};
}

std::string encode_trash_totals(const TrashUse& use) {
  std::string out;
  append_le(out, kTotalsFormat);
  append_le(out, use.keys);
  append_le(out, use.bytes);
  return out;
}

Result<TrashUse> decode_trash_totals(std::string_view row) {
  FieldReader in(row);
  const auto format = in.take<uint8_t>();
  TrashUse use;
  use.keys = in.take<uint64_t>();
  use.bytes = in.take<uint64_t>();
  if (in.failed() || !in.rest().empty() || format != kTotalsFormat)
    return {Errc::corrupt, "a malformed row of the trash's totals"};
  return use;
}

Result<TrashItem> decode_trash_item(std::string_view row) {
  std::string_view rest;
  const Result<TrashPlace> place = decode_trash_place(row, rest);
  if (!place) return place.error();
  Result<Entry> entry = decode_entry(rest);
  if (!entry) return entry.error();
  return TrashItem{*place, *entry};
}

std::optional<std::string> trash_note(const WriteTxn& txn, const DirPath& path, std::string_view key,
                                      const Entry& entry, Version id) {
  if (entry.kind != Kind::file || path.collection == 0) return std::nullopt;
  const TrashPolicy& policy = txn.runtime().trash();
  const uint64_t keep_ms = policy.keep_ms(path.tenant, path.collection);
  if (keep_ms == 0 || entry.bytes_charged() > policy.limits(path.tenant).bytes) return std::nullopt;
  TrashPlace place{path.tenant, id, txn.now_ms() + keep_ms, entry.expires_ms, path.collection_name, key};
  if (entry.expires_ms != 0) place.ends_ms = std::min(place.ends_ms, entry.expires_ms);
  if (place.ends_ms <= txn.now_ms()) return std::nullopt;
  return encode_trash_place(place);
}

void put_into_trash(WriteTxn& txn, std::string_view note, const Entry& removed) {
  std::string_view rest;
  const Result<TrashPlace> place = decode_trash_place(note, rest);
  if (!place) throw StoreException(place.error());
  Entry entry = removed;
  entry.by_inode = entry.shadowed = false;
  entry.nlink = 1;
  entry.expires_ms = place->expires_ms;
  entry.indexed_early_ms = 0;
  const auto bytes = static_cast<int64_t>(entry.bytes_charged());
  txn.rows().put(trash_item(place->tenant, place->id), std::string(note) + encode_entry(entry));
  txn.rows().put(trash_end(place->tenant, place->ends_ms, place->id), {});
  auto& use = txn.effects().trash[place->tenant];
  use.first += 1;
  use.second += bytes;
}

void take_from_trash(WriteTxn& txn, const TrashPlace& place, uint64_t bytes) {
  const std::string item = trash_item(place.tenant, place.id);
  const std::string end = trash_end(place.tenant, place.ends_ms, place.id);
  auto& use = txn.effects().trash[place.tenant];
  use.first -= 1;
  use.second -= static_cast<int64_t>(bytes);
  txn.rows().erase(item);
  txn.rows().erase(end);
}

size_t drop_from_trash(WriteTxn& txn, DirId tenant, std::span<const Version> ids) {
  size_t keys = 0;
  uint64_t bytes = 0;
  for (const Version id : ids) {
    const auto found = txn.rows().get(trash_item(tenant, id));
    if (!found) continue;
    const std::string row(*found);
    const Result<TrashItem> item = decode_trash_item(row);
    if (!item) throw StoreException(item.error());
    const uint64_t charged = item->entry.bytes_charged();
    if (keys != 0 && (keys == kDroppedKeysMax || bytes + charged > kDroppedBytesMax)) break;
    erase_contents(txn, item->entry);
    take_from_trash(txn, item->place, charged);
    keys += 1;
    bytes += charged;
  }
  return keys;
}

void write_trash_totals(WriteTxn& txn) {
  for (const auto& [tenant, change] : txn.effects().trash) {
    if (change.first == 0 && change.second == 0) continue;
    const std::string row = trash_prefix(tenant);
    const auto before = txn.rows().get(row);
    const Result<TrashUse> use = before ? decode_trash_totals(*before) : TrashUse{};
    if (!use) throw StoreException(use.error());
    const TrashUse now{use->keys + static_cast<uint64_t>(change.first),
                       use->bytes + static_cast<uint64_t>(change.second)};
    if (now == TrashUse{})
      txn.rows().erase(row);
    else
      txn.rows().put(row, encode_trash_totals(now));
  }
}

}  // namespace kvfs::rows
