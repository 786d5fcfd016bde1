// rename(2) and renameat2(2) on rows: values, directories, exchanges.
#include <fmt/format.h>

#include "store/byte_order.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

/// What moves with a name: counted to the collection it comes to.
struct Load {
  int64_t keys = 0;
  int64_t bytes = 0;
};

Load load_of(const Entry& entry) {
  return {rows::keys_of(entry), entry.nlink > 1 ? 0 : static_cast<int64_t>(entry.bytes_charged())};
}

/// Everything below a directory. Errors: cross_tenant where a hard-linked file would leave its collection.
Result<Load> load_below(const ReadTxn& txn, DirId dir) {
  Load load;
  const std::string prefix = dirent_prefix(dir);
  const auto cursor = txn.rows().cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    const Result<Entry> entry = decode_entry(cursor->value());
    if (!entry) throw StoreException(entry.error());
    if (entry->kind == Kind::link) return {Errc::cross_tenant, "hard-linked files stay in their collection"};
    Load part = load_of(*entry);
    if (entry->is_directory()) {
      const Result<Load> below = load_below(txn, entry->inode);
      if (!below) return below;
      part = *below;
    }
    load.keys += part.keys;
    load.bytes += part.bytes;
  }
  return load;
}

void move_count(WriteTxn& txn, const DirPath& from, const DirPath& to, const Load& load) {
  if (from.collection == to.collection) return;
  rows::count(txn, from, -load.keys, -load.bytes);
  rows::count(txn, to, load.keys, load.bytes);
}

struct Ends {
  DirPathPtr from;
  DirPathPtr to;
};

Result<Ends> resolve(const ReadTxn& txn, const Slot& from, const Slot& to) {
  const Result<DirPathPtr> from_path = dir_path(txn, from.dir);
  const Result<DirPathPtr> to_path = dir_path(txn, to.dir);
  if (!from_path || !to_path) return Errc::not_found;
  if (to.name.size() > kComponentBytesMax)
    return {Errc::name_too_long,
            fmt::format("the name has {} bytes; at most {} are allowed", to.name.size(), kComponentBytesMax)};
  if ((*from_path)->tenant != (*to_path)->tenant) return {Errc::cross_tenant, "nothing moves between tenants"};
  return Ends{*from_path, *to_path};
}

ChangeView describe_move(WriteTxn& txn, const Ends& ends, const Slot& from, const Slot& to, const Entry& entry,
                         Inode replaced) {
  ChangeView change = rows::describe(txn, ChangeKind::rename, *ends.from, from, entry);
  rows::require_durability(txn, *ends.to);
  change.to_collection = ends.to->collection_name;
  if (ends.to->depth >= 2) change.to_key = rows::join(ends.to->key_prefix, to.name, change.joined_to_key);
  change.to_dir = to.dir;
  change.to_name = to.name;
  change.replaced_inode = replaced;
  return change;
}

/// Puts the row of a value at another slot. `raw` is its row as it stands at `from`.
struct MovingValue {
  std::string raw;  // the row: an entry, or a link to one
  Entry resolved;   // views into other storage: only its numbers are used
};

MovingValue lift(const WriteTxn& txn, const Slot& slot, const Entry& resolved) {
  return {std::string(*txn.rows().get(dirent_row(slot))), resolved};
}

/// The lifted value no longer expires where it was.
void unindex(WriteTxn& txn, const DirPath& path, const Slot& slot, const MovingValue& value) {
  rows::move_index(txn, path, slot, {value.resolved.indexed_ms(), 0});
}

/// Writes a lifted value at `to`, beside a directory of that name if it is `shadowed`; the rows at where it was are not
/// touched.
void put_down(WriteTxn& txn, const Ends& ends, const MovingValue& value, const Slot& to, bool shadowed) {
  Entry row = *decode_entry(value.raw);
  row.shadowed = shadowed;
  const Version version = txn.next_version();
  if (row.kind == Kind::link) {
    Entry target = *rows::load_inode(txn.rows(), row.inode);
    target.ctime_ns = txn.now_ns();
    target.version = version;
    target.indexed_early_ms = 0;
    rows::store(txn, {}, target);
  } else {
    row.ctime_ns = txn.now_ns();
    row.version = version;
  }
  row.indexed_early_ms = 0;
  txn.rows().put(dirent_row(to), encode_entry(row));
  rows::move_index(txn, *ends.to, to, {0, value.resolved.expires_ms});
  move_count(txn, *ends.from, *ends.to, load_of(value.resolved));
  txn.inode_moved(row.inode, to);
}

void touch_both(WriteTxn& txn, const Slot& from, const Slot& to) {
  txn.delta(from.dir).touched = true;
  txn.delta(to.dir).touched = true;
}

Result<void> check_level(const Ends& ends, bool directory, std::string_view name) {
  if (directory && (ends.from->depth < 2 || ends.to->depth < 2)) {
    if (ends.from->depth != ends.to->depth)
      return {Errc::cross_tenant, "tenants, collections and directories of keys do not become each other"};
    return check_name(name, ends.to->depth == 0 ? "tenant" : "collection");
  }
  if (ends.to->depth < 2) return {Errc::not_permitted, "files live below collections only"};
  if (!directory || ends.to->key_prefix.size() + name.size() < kDirectoryPathBytesMax) return {};
  return {Errc::key_too_long, fmt::format("the path would be longer than {} bytes", kDirectoryPathBytesMax)};
}

bool is_below(const ReadTxn& txn, DirId dir, DirId ancestor) {
  while (dir != kRootDir) {
    if (dir == ancestor) return true;
    const auto row = txn.rows().get(parent_row(dir));
    if (!row || row->size() < sizeof(DirId)) return false;
    dir = load_be64(row->data());
  }
  return false;
}

void move_directory_row(WriteTxn& txn, Entry entry, const Slot& to) {
  entry.ctime_ns = txn.now_ns();
  entry.version = txn.next_version();
  entry.implicit = false;
  std::string place;
  append_be64(place, to.dir);
  place.append(to.name);
  txn.rows().put(dirent_row({to.dir, to.name, true}), encode_entry(entry));
  txn.rows().put(parent_row(entry.inode), place);
}

/// The directory `entry` from one name to another that is free of directories. Its own value goes with it.
Result<void> move_directory(WriteTxn& txn, const Ends& ends, const Slot& from, const Slot& to, const Entry& entry) {
  if (is_below(txn, to.dir, entry.inode)) return {Errc::invalid, "a directory cannot move below itself"};
  Load load;
  if (ends.from->collection != ends.to->collection && ends.from->collection != 0) {
    const Result<Load> below = load_below(txn, entry.inode);
    if (!below) return below.error();
    load = *below;
    if (const auto own = rows::load(txn.rows(), {from.dir, from.name, false}); own && own->by_inode)
      return {Errc::cross_tenant, "hard-linked files stay in their collection"};
  }
  const Inode inode = entry.inode;
  const std::string raw = encode_entry(entry);
  const Slot from_value{from.dir, from.name, false};
  const Slot to_value{to.dir, to.name, false};
  txn.rows().erase(dirent_row({from.dir, from.name, true}));
  move_directory_row(txn, *decode_entry(raw), to);
  if (std::optional<Entry> own = rows::load(txn.rows(), from_value)) {
    const MovingValue value = lift(txn, from_value, *own);
    txn.rows().erase(dirent_row(from_value));
    unindex(txn, *ends.from, from_value, value);
    put_down(txn, ends, value, to_value, true);
  }
  move_count(txn, *ends.from, *ends.to, load);
  txn.delta(from.dir).subdirs -= 1;
  txn.delta(to.dir).subdirs += 1;
  touch_both(txn, from, to);
  Entry moved = *decode_entry(raw);
  moved.version = txn.next_version();
  txn.record(describe_move(txn, ends, from, to, moved, 0));
  txn.path_changed(inode);
  txn.paths_changed();
  return {};
}

Result<void> exchange_values(WriteTxn& txn, const Ends& ends, const Slot& from, const Slot& to, const Entry& a,
                             const Entry& b) {
  const MovingValue first = lift(txn, from, a);
  const MovingValue second = lift(txn, to, b);
  const Ends back{ends.to, ends.from};
  Entry described = *decode_entry(first.raw);
  unindex(txn, *ends.from, from, first);
  unindex(txn, *ends.to, to, second);
  put_down(txn, ends, first, to, rows::is_shadowed(txn, *ends.to, to));
  put_down(txn, back, second, from, rows::is_shadowed(txn, *ends.from, from));
  touch_both(txn, from, to);
  described.version = txn.next_version();
  txn.record(describe_move(txn, ends, from, to, described, second.resolved.inode));
  Entry other = *decode_entry(second.raw);
  other.version = txn.next_version();
  txn.record(describe_move(txn, back, to, from, other, first.resolved.inode));
  return {};
}

/// Exchanges by way of a third name, which holds a version and so is nobody's.
Result<void> exchange_mixed(WriteTxn& txn, const Slot& from, const Slot& to);

/// The value `source` at `from` to `to`, where `target` is now. `shadowed`: a directory stands there, too.
Result<void> move_value(WriteTxn& txn, const Ends& ends, const Slot& from, const Slot& to, RenameMode mode,
                        const Entry& source, const std::optional<Entry>& target, bool shadowed) {
  if (Result<void> ok = check_level(ends, false, to.name); !ok) return ok;
  const bool crosses = ends.from->collection != ends.to->collection;
  if (crosses && source.by_inode) return {Errc::cross_tenant, "hard-linked files stay in their collection"};
  if (mode == RenameMode::exchange) {
    if (!target) return Errc::not_found;
    if (crosses && target->by_inode) return {Errc::cross_tenant, "hard-linked files stay in their collection"};
    if (target->inode == source.inode) return {};
    return exchange_values(txn, ends, from, to, source, *target);
  }
  Inode replaced = 0;
  if (target) {
    if (mode == RenameMode::no_replace) return Errc::exists;
    if (target->inode == source.inode) return {};  // names of one file: POSIX says to do nothing
    replaced = target->inode;
  }
  const MovingValue value = lift(txn, from, source);
  if (replaced != 0) {
    // Not announced by itself: the rename's change names the inode that was replaced.
    auto& changes = txn.effects().changes;
    rows::erase_value(txn, *ends.to, to, *target, ChangeKind::remove);
    changes.pop_back();
  }
  txn.rows().erase(DirentRow(from));
  unindex(txn, *ends.from, from, value);
  put_down(txn, ends, value, to, shadowed);
  touch_both(txn, from, to);
  Entry moved = value.resolved;
  moved.version = txn.next_version();
  txn.record(describe_move(txn, ends, from, to, moved, replaced));
  return {};
}

}  // namespace

Result<Renamed> rename_value(WriteTxn& txn, const Slot& from, const Slot& to, RenameMode mode) {
  const Result<Ends> ends = resolve(txn, from, to);
  if (!ends) return ends.error();
  const bool there = rows::load_live(txn, *ends->to, to).has_value();
  const std::optional<Entry> source = rows::load_live(txn, *ends->from, from);
  if (!source) return Errc::not_found;
  const std::optional<Entry> target = there ? rows::load(txn.rows(), to) : std::nullopt;
  const Renamed moved{source->inode, false};
  const bool shadowed = rows::is_shadowed(txn, *ends->to, to);
  if (auto ok = move_value(txn, *ends, from, to, mode, *source, target, shadowed); !ok) return ok.error();
  rows::prune_implicit(txn, from);
  return moved;
}

namespace {

/// As rename(), but implicit directories stay, also if they are left empty: something may come to them yet.
Result<Renamed> rename_only(WriteTxn& txn, const Slot& from, const Slot& to, RenameMode mode) {
  const Result<Ends> ends = resolve(txn, from, to);
  if (!ends) return ends.error();
  const Slot to_value{to.dir, to.name, false};
  const std::optional<Entry> value_there = rows::load_live(txn, *ends->to, to_value);
  const bool to_directory = (!value_there || value_there->shadowed) && rows::is_shadowed(txn, *ends->to, to_value);
  Result<Found> source = find_name(txn, from.dir, from.name);
  if (!source) return source.error();
  const bool from_directory = source->slot.directory;
  const Renamed renamed{source->entry.inode, from_directory};
  if ((value_there || to_directory) && mode == RenameMode::no_replace) return Errc::exists;
  if (!from_directory && !to_directory) {
    const Slot from_value{from.dir, from.name, false};
    if (auto ok = move_value(txn, *ends, from_value, to_value, mode, source->entry, value_there, false); !ok)
      return ok.error();
    return renamed;
  }
  const Result<Found> target = find_name(txn, to.dir, to.name);
  if (Result<void> ok = check_level(*ends, from_directory, to.name); !ok) return ok.error();
  if (mode == RenameMode::exchange) {
    if (!target) return Errc::not_found;
    if (source->entry.inode == target->entry.inode) return renamed;
    if (is_below(txn, to.dir, source->entry.inode) || is_below(txn, from.dir, target->entry.inode))
      return {Errc::invalid, "a directory cannot move below itself"};
    if (Result<void> ok = exchange_mixed(txn, from, to); !ok) return ok.error();
    return renamed;
  }
  if (!from_directory) return Errc::is_directory;
  if (target) {
    if (!to_directory) return Errc::not_directory;
    if (target->entry.inode == source->entry.inode) return renamed;
    if (is_below(txn, to.dir, source->entry.inode)) return {Errc::invalid, "a directory cannot move below itself"};
    if (Result<void> ok = rows::remove_empty_directory(txn, to.dir, to.name); !ok) return ok.error();
    source = find_name(txn, from.dir, from.name);
    if (!source) return source.error();
  }
  if (Result<void> ok = move_directory(txn, *ends, from, to, source->entry); !ok) return ok.error();
  return renamed;
}

Result<void> exchange_mixed(WriteTxn& txn, const Slot& from, const Slot& to) {
  const std::string aside_name = fmt::format(".exchange-{}", txn.next_version());
  const Slot aside{from.dir, aside_name, false};
  if (const auto ok = rename_only(txn, from, aside, RenameMode::replace); !ok) return ok.error();
  if (const auto ok = rename_only(txn, to, from, RenameMode::no_replace); !ok) return ok.error();
  if (const auto ok = rename_only(txn, aside, to, RenameMode::no_replace); !ok) return ok.error();
  return {};
}

}  // namespace

Result<Renamed> rename(WriteTxn& txn, const Slot& from, const Slot& to, RenameMode mode) {
  const Result<Renamed> renamed = rename_only(txn, from, to, mode);
  if (renamed) rows::prune_implicit(txn, from);
  return renamed;
}

}  // namespace kvfs
