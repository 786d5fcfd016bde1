#include "store/trash.h"

#include "store/key_state.h"
#include "store/trash_rows.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

namespace {

Trashed to_trashed(const rows::TrashItem& item) {
  return {item.place.id, item.place.ends_ms, item.place.collection, item.place.key, item.entry};
}

/// The item in this row, unless its time has come.
std::optional<rows::TrashItem> live_item(const ReadTxn& txn, std::string_view row) {
  const Result<rows::TrashItem> item = rows::decode_trash_item(row);
  if (!item) throw StoreException(item.error());
  if (item->place.ends_ms <= txn.now_ms()) return std::nullopt;
  return *item;
}

/// Keeps the bytes that the item's views point to.
struct TakenItem {
  std::string row;
  rows::TrashItem item;
};

Result<TakenItem> read_item(const ReadTxn& txn, DirId tenant, Version id) {
  const auto row = txn.rows().get(rows::trash_item(tenant, id));
  if (!row) return Errc::not_found;
  TakenItem taken;
  taken.row = *row;
  const std::optional<rows::TrashItem> item = live_item(txn, taken.row);
  if (!item) return Errc::not_found;
  taken.item = *item;
  return taken;
}

/// A counter or set in a store that merges with others begins a new epoch, which wins over its own tombstone.
Result<std::string> state_for_restored(WriteTxn& txn, const Entry& entry) {
  Result<TypeState> state = rows::load_state(txn, entry);
  if (!state) return state.error();
  state->epoch = {txn.next_version(), txn.runtime().replica()};
  return entry.type == ValueType::counter ? encode_counter_state(*state) : encode_set_state(*state);
}

/// Writes the item's entry at `slot`, which is free.
Result<PutOutcome> put_back(WriteTxn& txn, const rows::TrashItem& item, const DirPath& path, const Slot& slot,
                            bool created) {
  Entry entry = item.entry;
  std::string state;
  std::unique_ptr<std::string> joined;
  if (txn.runtime().keeps_tombstones()) {
    rows::unbury(txn, path.collection, rows::join(path.key_prefix, slot.name, joined));
    if (entry.type != ValueType::bytes) {
      Result<std::string> fresh = state_for_restored(txn, entry);
      if (!fresh) return fresh.error();
      state = std::move(*fresh);
      entry.state = state;
    }
  }
  entry.shadowed = rows::is_shadowed(txn, path, slot);
  entry.ctime_ns = txn.now_ns();
  entry.version = txn.next_version();
  rows::take_from_trash(txn, item.place, entry.bytes_charged());
  rows::store(txn, slot, entry);
  rows::move_index(txn, path, slot, {0, entry.expires_ms});
  rows::count(txn, path, rows::keys_of(entry), static_cast<int64_t>(entry.bytes_charged()));
  txn.delta(slot.dir).touched = true;
  ChangeView change = rows::describe(txn, ChangeKind::put, path, slot, entry);
  change.created = created;
  txn.record(std::move(change));
  if (Result<void> fits = rows::check_quota(txn); !fits) return fits.error();
  note_write(txn, path, slot, true);
  return PutOutcome{entry.version, created, entry.expires_ms};
}

Result<PutOutcome> restore_at(WriteTxn& txn, const rows::TrashItem& item, const DirPath& path, const Slot& slot,
                              bool replace) {
  const std::optional<Entry> present = rows::load_live(txn, path, slot);
  if (present && !replace) return {Errc::exists, "the key has a value"};
  const bool created = !present || present->kind != Kind::file;
  if (present) rows::erase_value(txn, path, slot, *present, ChangeKind::remove);
  return put_back(txn, item, path, slot, created);
}

}  // namespace

Result<Trashed> find_trashed(const ReadTxn& txn, DirId tenant, Version id) {
  const auto row = txn.rows().get(rows::trash_item(tenant, id));
  const auto item = row ? live_item(txn, *row) : std::nullopt;
  if (!item) return Errc::not_found;
  return to_trashed(*item);
}

Result<Trashed> find_last_trashed(const ReadTxn& txn, DirId tenant, std::string_view collection, std::string_view key) {
  const std::string prefix = rows::trash_items(tenant);
  const auto cursor = txn.rows().cursor();
  for (cursor->seek_before(prefix_end(prefix)); cursor->valid() && cursor->key().starts_with(prefix); cursor->prev()) {
    const auto item = live_item(txn, cursor->value());
    if (!item || item->place.collection != collection || item->place.key != key) continue;
    return find_trashed(txn, tenant, item->place.id);  // its views outlive the cursor
  }
  return Errc::not_found;
}

void list_trash(const ReadTxn& txn, DirId tenant, Version after, const std::function<bool(const Trashed&)>& visit) {
  const std::string prefix = rows::trash_items(tenant);
  const auto cursor = txn.rows().cursor();
  cursor->seek(after == 0 ? prefix : rows::trash_item(tenant, after) + '\0');
  for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    const auto item = live_item(txn, cursor->value());
    if (item && !visit(to_trashed(*item))) return;
  }
}

TrashUse trash_use(const ReadTxn& txn, DirId tenant) {
  const auto row = txn.rows().get(rows::trash_prefix(tenant));
  if (!row) return {};
  const Result<TrashUse> use = rows::decode_trash_totals(*row);
  if (!use) throw StoreException(use.error());
  return *use;
}

Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, const RestoreTarget& target) {
  if (Result<void> ok = check_key(target.key); !ok) return ok.error();
  const Result<TakenItem> taken = read_item(txn, tenant, id);
  if (!taken) return taken.error();
  const Result<DirId> collection = ensure_collection(txn, tenant, target.collection);
  if (!collection) return collection.error();
  Slot slot;
  const Result<DirPathPtr> place = rows::ensure_place(txn, *collection, target.key, slot);
  if (!place) return place.error();
  return restore_at(txn, taken->item, **place, slot, target.replace);
}

Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, bool replace) {
  const Result<TakenItem> taken = read_item(txn, tenant, id);
  if (!taken) return taken.error();
  const rows::TrashPlace& was = taken->item.place;
  return restore_trashed(txn, tenant, id, RestoreTarget{was.collection, was.key, replace});
}

Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, DirId dir, std::string_view component,
                                   bool replace) {
  const Result<TakenItem> taken = read_item(txn, tenant, id);
  if (!taken) return taken.error();
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return Errc::not_found;
  if ((*path)->tenant != 0 && (*path)->tenant != tenant)
    return {Errc::cross_tenant, "a removed value comes back in its own tenant"};
  if (Result<void> ok = rows::check_component(**path, component, Kind::file); !ok) return ok.error();
  const Slot slot{dir, component, false};
  if (rows::is_shadowed(txn, **path, slot)) return replace ? Errc::is_directory : Errc::exists;
  return restore_at(txn, taken->item, **path, slot, replace);
}

Result<void> drop_trashed(WriteTxn& txn, DirId tenant, Version id) {
  if (rows::drop_from_trash(txn, tenant, {&id, 1}) == 0) return Errc::not_found;
  return {};
}

Result<size_t> empty_trash(WriteTxn& txn, DirId tenant) {
  const std::string prefix = rows::trash_items(tenant);
  std::vector<Version> ids;
  {
    const auto cursor = txn.rows().cursor();
    for (cursor->seek(prefix);
         cursor->valid() && cursor->key().starts_with(prefix) && ids.size() < rows::kDroppedKeysMax; cursor->next())
      ids.push_back(rows::parse_trash_row(cursor->key())->id);
  }
  return rows::drop_from_trash(txn, tenant, ids);
}

}  // namespace kvfs
