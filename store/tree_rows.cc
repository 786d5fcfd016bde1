#include "store/tree_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "store/byte_order.h"
#include "store/key_state.h"
#include "store/trash_rows.h"
#include "store/typed_value.h"

namespace kvfs::rows {

namespace {

constexpr uint32_t kEmptyDirectoryLinks = 2;  // of one that has no directories in it
constexpr size_t kKeptRowBytesMax = 64 * 1024;

void decode(std::string_view row, Entry& entry) {
  if (const std::string_view wrong = decode_entry(row, entry); !wrong.empty())
    throw StoreException({Errc::corrupt, std::string(wrong)});
}

}  // namespace

std::optional<Entry> load_inode(const Snapshot& rows, Inode inode) {
  const auto row = rows.get(inode_row(inode));
  if (!row) return std::nullopt;
  std::optional<Entry> entry(std::in_place);
  decode(*row, *entry);
  entry->by_inode = true;
  return entry;
}

std::optional<Entry> load(const Snapshot& rows, const Slot& slot) {
  if (slot.name.size() > kComponentBytesMax) return std::nullopt;
  const auto row = rows.get(DirentRow(slot));
  if (!row) return std::nullopt;
  std::optional<Entry> entry(std::in_place);
  decode(*row, *entry);
  if (entry->kind != Kind::link) return entry;
  std::optional<Entry> linked = load_inode(rows, entry->inode);
  if (!linked)
    throw StoreException({Errc::corrupt, fmt::format("a hard link to inode {}, which has no row", entry->inode)});
  linked->shadowed = entry->shadowed;
  return linked;
}

void store(WriteTxn& txn, const Slot& slot, const Entry& entry) {
  thread_local std::string row;
  encode_entry(entry, row);
  if (entry.by_inode)
    txn.rows().put(inode_row(entry.inode), row);
  else
    txn.rows().put(DirentRow(slot), row);
  if (row.capacity() > kKeptRowBytesMax) row = {};
}

void require_durability(WriteTxn& txn, const DirPath& path) {
  if (!txn.runtime().has_durabilities()) return;
  for (const DirId dir : {path.tenant, path.collection})
    if (const auto durability = txn.runtime().durability(dir)) txn.rows().require(*durability);
}

std::string_view join(std::string_view prefix, std::string_view name, std::unique_ptr<std::string>& storage) {
  storage = std::make_unique<std::string>(prefix);
  return storage->append(name);
}

ChangeView describe(WriteTxn& txn, ChangeKind kind, const DirPath& path, const Slot& slot, const Entry& entry) {
  // What expired and comes back after a power loss expires again.
  if (kind != ChangeKind::expire) require_durability(txn, path);
  ChangeView change;
  change.id = entry.version;
  change.kind = kind;
  change.origin = txn.origin();
  change.type = entry.type;
  change.node = entry.kind;
  change.tenant = path.tenant_name;
  change.collection = path.collection_name;
  if (path.depth >= 2)
    change.key = path.key_prefix.empty() ? slot.name : join(path.key_prefix, slot.name, change.joined_key);
  change.dir = slot.dir;
  change.name = slot.name;
  change.inode = entry.inode;
  change.size = entry.size;
  change.version = entry.version;
  return change;
}

IndexMove expires_at(Entry& entry, uint64_t expires_ms, uint64_t now_ms) {
  const uint64_t indexed_ms = entry.indexed_ms();
  entry.expires_ms = expires_ms;
  if (indexed_ms != 0 && indexed_ms > now_ms && expires_ms >= indexed_ms &&
      expires_ms - indexed_ms <= indexed_ms - now_ms) {
    entry.indexed_early_ms = expires_ms == indexed_ms ? 0 : indexed_ms;
    return {};
  }
  entry.indexed_early_ms = 0;
  return {indexed_ms, expires_ms};
}

void move_index(WriteTxn& txn, const DirPath& path, const Slot& slot, const IndexMove& move) {
  if (move.from_ms == move.to_ms) return;
  if (move.from_ms != 0) txn.rows().erase(expiry_row(path.tenant, move.from_ms, slot));
  if (move.to_ms == 0) return;
  txn.rows().put(expiry_row(path.tenant, move.to_ms, slot), {});
  uint64_t& earliest = txn.effects().expiries.try_emplace(path.tenant, move.to_ms).first->second;
  earliest = std::min(earliest, move.to_ms);
}

int64_t keys_of(const Entry& entry) { return entry.kind == Kind::file ? 1 : 0; }

void count(WriteTxn& txn, const DirPath& path, int64_t keys, int64_t bytes) {
  if ((keys == 0 && bytes == 0) || path.collection == 0) return;
  auto& delta = txn.delta(path.collection);
  delta.keys += keys;
  delta.bytes += bytes;
  auto& usage = txn.effects().usage[path.tenant];
  usage.first += keys;
  usage.second += bytes;
}

void erase_chunks(WriteTxn& txn, Inode inode) {
  const std::string prefix = chunk_prefix(inode);
  const auto cursor = txn.rows().cursor();
  cursor->keep_to(prefix);
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix);) {
    const std::string key(cursor->key());
    const Result<ChunkRef> ref = decode_chunk_row(cursor->value());
    if (!ref) throw StoreException(ref.error());
    txn.rows().release_chunk(*ref);
    txn.rows().erase(key);
    cursor->seek(key);
  }
}

Version erase_value(WriteTxn& txn, const DirPath& path, const Slot& slot, const Entry& loaded, ChangeKind kind,
                    Removal removal) {
  // The views in `loaded` end with the first write; what is kept of it is encoded before.
  Entry entry = loaded;
  ChangeView change = describe(txn, kind, path, slot, entry);
  change.version = change.id = txn.next_version();
  const bool open = txn.runtime().is_held(entry.inode);
  entry.version = change.version;
  entry.ctime_ns = txn.now_ns();
  const uint64_t indexed_ms = entry.indexed_ms();
  const int64_t bytes = static_cast<int64_t>(entry.bytes_charged());
  const bool last_name = entry.nlink <= 1;
  std::optional<KeyState> tombstone;
  if (txn.runtime().keeps_tombstones() && path.collection != 0 && entry.kind == Kind::file)
    tombstone = state_once_removed(txn, entry, change.version, kind == ChangeKind::expire);
  std::optional<std::string> trash;  // where it goes there
  if (kind == ChangeKind::remove && removal == Removal::may_be_kept && last_name && txn.runtime().trash().keeps())
    trash = trash_note(txn, path, change.key, loaded, change.version);
  if (!last_name) {
    --entry.nlink;
    txn.rows().put(inode_row(entry.inode), encode_entry(entry));
  } else if (open) {
    entry.nlink = 0;
    entry.expires_ms = entry.indexed_early_ms = 0;
    entry.shadowed = false;
    txn.will_remove(entry);
    txn.rows().put(inode_row(entry.inode), encode_entry(entry));
    txn.rows().put(orphan_row(entry.inode), trash.value_or(std::string()));
    txn.inode_moved(entry.inode, std::nullopt);
  } else {
    txn.will_remove(entry);
    if (trash)
      put_into_trash(txn, *trash, loaded);
    else
      erase_contents(txn, entry);  // first: it reads the state
    if (entry.by_inode) txn.rows().erase(inode_row(entry.inode));
  }
  txn.rows().erase(dirent_row(slot));
  move_index(txn, path, slot, {indexed_ms, 0});
  count(txn, path, -keys_of(entry), last_name ? -bytes : 0);
  txn.delta(slot.dir).touched = true;
  if (kind == ChangeKind::expire) ++txn.effects().removals[path.tenant].expired;
  if (kind == ChangeKind::evict) ++txn.effects().removals[path.tenant].evicted;
  if (tombstone) bury(txn, path.collection, change.key, *tombstone);
  txn.record(std::move(change));
  return entry.version;
}

std::optional<Entry> load_live(WriteTxn& txn, const DirPath& path, const Slot& slot) {
  std::optional<Entry> entry = load(txn.rows(), slot);
  if (entry && entry->expired(txn.now_ms())) {
    erase_value(txn, path, slot, *entry, ChangeKind::expire);
    return std::nullopt;
  }
  return entry;
}

bool is_shadowed(WriteTxn& txn, const DirPath& path, const Slot& slot) {
  const auto& deltas = txn.effects().deltas;
  const auto delta = deltas.find(slot.dir);
  if (path.depth >= 2 && (delta == deltas.end() || delta->second.subdirs == 0)) {
    const std::optional<Entry> directory = load(txn.rows(), {path.parent, path.name, true});
    if (directory && directory->nlink == kEmptyDirectoryLinks) return false;
  }
  return txn.rows().get(DirentRow({slot.dir, slot.name, true})).has_value();
}

void mark_shadowed(WriteTxn& txn, const Slot& value, bool shadowed) {
  const auto row = txn.rows().get(dirent_row(value));
  if (!row) return;
  Entry entry;
  decode(*row, entry);  // not resolved: the mark belongs to the name
  if (entry.shadowed == shadowed) return;
  entry.shadowed = shadowed;
  txn.rows().put(dirent_row(value), encode_entry(entry));
}

Result<Entry> make_directory(WriteTxn& txn, const DirPath& parent, std::string_view component, Entry entry) {
  const Slot slot{parent.id, component, true};
  entry.kind = Kind::directory;
  entry.nlink = 2;
  entry.inode = txn.next_inode();
  entry.version = txn.next_version();
  entry.atime_ns = entry.mtime_ns = entry.ctime_ns = entry.btime_ns = txn.now_ns();
  std::string place;
  append_be64(place, parent.id);
  place.append(component);
  txn.rows().put(dirent_row(slot), encode_entry(entry));
  txn.rows().put(parent_row(entry.inode), place);
  mark_shadowed(txn, {parent.id, component, false}, true);
  if (parent.depth == 0) txn.effects().usage[entry.inode];  // a tenant is known from now on
  auto& delta = txn.delta(parent.id);
  delta.subdirs += 1;
  delta.touched = true;
  ChangeView change = describe(txn, ChangeKind::make, parent, slot, entry);
  change.created = true;
  if (parent.depth == 0) change.tenant = component;
  if (parent.depth == 1) change.collection = component;
  txn.record(std::move(change));
  return entry;
}

void erase_directory(WriteTxn& txn, const DirPath& path, const Entry& entry) {
  const Result<DirPathPtr> parent = dir_path(txn, path.parent);
  if (!parent) throw StoreException({Errc::corrupt, "a directory without a parent"});
  erase_directory(txn, **parent, path, entry);
}

void erase_directory(WriteTxn& txn, const DirPath& parent, const DirPath& path, const Entry& entry) {
  const Slot slot{path.parent, path.name, true};
  ChangeView change = describe(txn, ChangeKind::remove_dir, parent, slot, entry);
  change.version = change.id = txn.next_version();
  if (path.depth == 1) change.tenant = path.name;
  if (path.depth == 2) change.collection = path.name;
  txn.will_remove(entry);
  txn.rows().erase(dirent_row(slot));
  txn.rows().erase(parent_row(path.id));
  if (path.depth <= 2) {
    txn.rows().erase(settings_row(path.id));
    if (txn.runtime().has_settings()) txn.settings_changed(path.id, {});
  }
  mark_shadowed(txn, {path.parent, path.name, false}, false);
  txn.drop_delta(path.id);
  auto& delta = txn.delta(path.parent);
  delta.subdirs -= 1;
  delta.touched = true;
  txn.path_changed(path.id);
  txn.record(std::move(change));
}

// Whoever sweeps the last expired value prunes the directory.
bool has_rows(const WriteTxn& txn, DirId dir, std::string_view near) {
  // A row that was met here before is mostly there still; where not, the next one lies to the same side: else each of
  // many removals would pass over all that went before it.
  struct Hint {
    DirId dir = 0;
    bool before = false;
    std::string row;
  };
  thread_local std::array<Hint, 64> hints;
  Hint& hint = hints[dir % hints.size()];
  if (hint.dir != dir) hint = {dir, false, {}};
  if (!hint.row.empty() && txn.rows().get(hint.row)) return true;
  const std::string prefix = dirent_prefix(dir);
  const auto cursor = txn.rows().cursor();
  cursor->keep_to(prefix);
  for (int side = 0; side < 2; ++side, hint.before = !hint.before) {
    if (hint.before)
      cursor->seek_before(near);
    else
      cursor->seek(near);
    if (!cursor->valid() || !cursor->key().starts_with(prefix)) continue;
    hint.row = cursor->key();
    return true;
  }
  return false;
}

void prune_implicit(WriteTxn& txn, const Slot& gone) {
  const auto prunable = [&txn](const DirPath& path, const Slot& near) -> std::optional<Entry> {
    if (path.depth < 3) return std::nullopt;
    std::optional<Entry> entry = load(txn.rows(), {path.parent, path.name, true});
    if (!entry || !entry->implicit || has_rows(txn, path.id, dirent_row(near))) return std::nullopt;
    return entry;
  };
  const Result<DirPathPtr> lowest = dir_path(txn, gone.dir);
  if (!lowest || !prunable(**lowest, gone)) return;
  // All ways up are looked up before the first change: after it the caches do not count, and each is as long as the
  // tree is deep.
  std::vector<DirPathPtr> upwards{*lowest};
  while (upwards.back()->depth >= 3) {
    Result<DirPathPtr> above = dir_path(txn, upwards.back()->parent);
    if (!above) throw StoreException({Errc::corrupt, "a directory without a parent"});
    upwards.push_back(*above);
  }
  Slot near = gone;
  for (size_t i = 0; i + 1 < upwards.size(); ++i) {
    const std::optional<Entry> entry = prunable(*upwards[i], near);
    if (!entry) return;
    near = {upwards[i]->parent, upwards[i]->name, true};
    erase_directory(txn, *upwards[i + 1], *upwards[i], *entry);
  }
}

Result<size_t> erase_tree(WriteTxn& txn, DirId dir, size_t count_max) {
  size_t removed = 0;
  const std::string prefix = dirent_prefix(dir);
  std::string row;
  const auto cursor = txn.rows().cursor();
  cursor->keep_to(prefix);
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix) && removed < count_max;
       cursor->seek(row)) {
    row = cursor->key();
    const Result<Slot> slot = parse_dirent_row(row);
    if (!slot) return slot.error();
    const Result<DirPathPtr> path = dir_path(txn, dir);
    if (!path) return path.error();
    const std::optional<Entry> entry = load(txn.rows(), *slot);
    if (slot->directory) {
      const DirId below = entry->inode;
      const Result<size_t> part = erase_tree(txn, below, count_max - removed);
      if (!part) return part;
      removed += *part;
      if (removed >= count_max) break;
      const Result<DirPathPtr> below_path = dir_path(txn, below);
      if (!below_path) return below_path.error();
      erase_directory(txn, **below_path, *load(txn.rows(), *slot));
    } else {
      erase_value(txn, **path, *slot, *entry, ChangeKind::remove);
    }
    ++removed;
  }
  return removed;
}

namespace {

void write_delta(WriteTxn& txn, DirId dir, const WriteTxn::DirDelta& delta) {
  const auto apply = [&](Entry& entry) {
    entry.keys += static_cast<uint64_t>(delta.keys);
    entry.bytes += static_cast<uint64_t>(delta.bytes);
    entry.nlink += static_cast<uint32_t>(delta.subdirs);
    if (delta.touched) entry.mtime_ns = entry.ctime_ns = txn.now_ns();
  };
  if (dir == kRootDir) {
    Entry entry = root_entry(txn);
    apply(entry);
    txn.rows().put(meta_row("root"), encode_entry(entry));
    return;
  }
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return;  // removed in this transaction
  const Slot slot{(*path)->parent, (*path)->name, true};
  std::optional<Entry> entry = load(txn.rows(), slot);
  if (!entry) return;
  apply(*entry);
  store(txn, slot, *entry);
}

}  // namespace

void finish(WriteTxn& txn) {
  auto& effects = txn.effects();
  for (const auto& [dir, delta] : effects.deltas) write_delta(txn, dir, delta);
  write_trash_totals(txn);
  effects.version_lease = txn.runtime().version_lease_due();
  effects.inode_lease = txn.runtime().inode_lease_due();
  const auto put_number = [&](std::string_view name, uint64_t number) {
    std::string value;
    append_le(value, number);
    txn.rows().put(meta_row(name), value);
  };
  if (effects.version_lease) put_number("clock", *effects.version_lease);
  if (effects.inode_lease) put_number("inodes", *effects.inode_lease);
}

}  // namespace kvfs::rows
