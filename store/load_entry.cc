#include "store/load_entry.h"

#include <fmt/format.h>

#include "store/keyspace.h"
#include "store/set_rows.h"
#include "store/set_writer.h"
#include "store/text.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

namespace {

using What = DumpLine::What;

// A version far ahead of the clock would keep all later ones there: such an entry gets a new one instead.
constexpr Version kVersionAheadMax = (Version{24} * 60 * 60 * 1000) << 16;

/// What a load does to a directory must not show in its times.
void untouch(WriteTxn& txn, DirId dir) { txn.delta(dir).touched = false; }

Error exists(const DumpLine& line) {
  return {Errc::exists, fmt::format("{}/{}/{} exists; it is replaced only if you say so (--replace)",
                                    printable(line.tenant), printable(line.collection), printable(line.key))};
}

Version version_of(WriteTxn& txn, const DumpLine& line, const LoadRules& rules) {
  const Version latest = (txn.now_ms() << 16) + kVersionAheadMax;
  if (!rules.keep_versions || line.entry.version == 0 || line.entry.version > latest) return txn.next_version();
  txn.runtime().observe_version(line.entry.version);
  return line.entry.version;
}

/// The attributes of `line` on `entry`, which keeps what a dump has not: inode, links, counters, value.
void set_attributes_of(Entry& entry, const DumpLine& line) {
  const Entry& from = line.entry;
  entry.mode = from.mode;
  entry.uid = from.uid;
  entry.gid = from.gid;
  entry.rdev = from.rdev;
  entry.atime_ns = from.atime_ns;
  entry.mtime_ns = from.mtime_ns;
  entry.ctime_ns = from.ctime_ns;
  entry.btime_ns = from.btime_ns;
  entry.default_ttl_ms = from.default_ttl_ms;
  entry.implicit = from.implicit;
  entry.type = from.type;
  entry.content_type = line.content_type;
  entry.xattrs = line.xattrs;
}

/// Makes or updates a directory; returns it in any case.
Result<DirPathPtr> load_directory(WriteTxn& txn, const DirPath& parent, std::string_view name, const DumpLine& line,
                                  const LoadRules& rules, LoadOutcome& outcome) {
  const Slot slot{parent.id, name, true};
  std::optional<Entry> present = rows::load(txn.rows(), slot);
  outcome = LoadOutcome::kept;
  if (present && !rules.replace) return dir_path(txn, present->inode);
  const bool made = !present;
  if (made) {
    if (parent.depth < 2)
      if (Result<void> ok = check_name(name, parent.depth == 0 ? "tenant" : "collection"); !ok) return ok.error();
    Entry entry;
    set_attributes_of(entry, line);
    const Result<Entry> inserted = rows::make_directory(txn, parent, name, entry);
    if (!inserted) return inserted.error();
    untouch(txn, parent.id);
    present = rows::load(txn.rows(), slot);
  }
  set_attributes_of(*present, line);
  present->version = version_of(txn, line, rules);
  const DirId dir = present->inode;
  rows::store(txn, slot, *present);
  if (line.settings) set_settings(txn, dir, *line.settings);
  if (!made) {
    txn.record(rows::describe(txn, ChangeKind::attributes, parent, slot, *present));
    txn.paths_changed();
  }
  outcome = LoadOutcome::written;
  return dir_path(txn, dir);
}

/// A directory above an entry, made where the dump had no line for it.
Result<DirPathPtr> ensure(WriteTxn& txn, const DirPath& parent, std::string_view name) {
  if (const std::optional<Entry> present = rows::load(txn.rows(), {parent.id, name, true}))
    return dir_path(txn, present->inode);
  Entry entry;
  entry.mode = 0755;
  entry.uid = parent.uid;
  entry.gid = parent.gid;
  entry.implicit = parent.depth >= 2;
  const Result<Entry> made = rows::make_directory(txn, parent, name, entry);
  if (!made) return made.error();
  untouch(txn, parent.id);
  return dir_path(txn, made->inode);
}

/// The directory that the entry of `line` is in; `name` becomes its name there.
Result<DirPathPtr> ensure_parent(WriteTxn& txn, const DumpLine& line, std::string_view& name) {
  Result<DirPathPtr> at = dir_path(txn, kRootDir);
  name = line.tenant;
  if (!at || line.what == What::tenant) return at;
  at = ensure(txn, **at, line.tenant);
  name = line.collection;
  if (!at || line.what == What::collection) return at;
  at = ensure(txn, **at, line.collection);
  std::string_view key = line.key;
  if (line.what == What::directory) key.remove_suffix(1);
  KeyComponents components(key);
  std::string_view component;
  while (at && components.next_directory(component)) at = ensure(txn, **at, component);
  name = components.last();
  return at;
}

Result<void> load_root(WriteTxn& txn, const DumpLine& line, const LoadRules& rules) {
  Entry root = root_entry(txn);
  set_attributes_of(root, line);
  if (line.entry.version != 0) root.version = version_of(txn, line, rules);
  txn.rows().put(meta_row("root"), encode_entry(root));
  return {};
}

/// A counter or set that a person wrote into a dump: a new one of that text.
Result<void> load_text(WriteTxn& txn, const DirPath& parent, Entry& entry, ValueType type, const StagedValue& value,
                       rows::TypedStorage& storage) {
  const Version version = std::exchange(entry.version, 0);
  Result<void> ok = rows::apply_typed(txn, &parent, entry, type, value, std::nullopt, storage);
  entry.version = version;
  return ok;
}

/// A counter or set with all that merging it needs.
Result<void> load_state(WriteTxn& txn, const DirPath& parent, Entry& entry, ValueType type, const DumpLine& line,
                        rows::TypedStorage& storage) {
  if (type == ValueType::counter) {
    const Result<TypeState> state = decode_counter_state(line.state);
    if (!state) return {Errc::invalid, state.error().detail};
    rows::store_counter(entry, *state, storage);
  } else if (type == ValueType::set) {
    Result<TypeState> state = decode_set_state(line.state, line.value);
    if (!state) return {Errc::invalid, state.error().detail};
    if (Result<void> ok = take_items(line.members, state->set); !ok) return {Errc::invalid, ok.error().detail};
    rows::SetWriter set(txn, entry);
    set.restore(*state);
    set.finish(entry, storage);
  } else {
    return {Errc::invalid, "bytes have no state"};
  }
  rows::count(txn, parent, 0, static_cast<int64_t>(entry.bytes_charged()));
  return {};
}

Result<void> load_node(WriteTxn& txn, const DirPath& parent, const Slot& slot, const DumpLine& line,
                       const StagedValue* value, const LoadRules& rules, LoadedLinks& links) {
  if (line.link_id != 0 && line.entry.expires_ms != 0)
    return {Errc::not_permitted, "a file with several names cannot expire"};
  Entry entry;
  set_attributes_of(entry, line);
  entry.kind = line.entry.kind;
  entry.implicit = false;
  entry.default_ttl_ms = 0;
  entry.expires_ms = line.entry.kind == Kind::file ? line.entry.expires_ms : 0;
  entry.inode = txn.next_inode();
  entry.version = version_of(txn, line, rules);
  const bool shadowed = txn.rows().get(dirent_row({slot.dir, slot.name, true})).has_value();
  rows::TypedStorage storage;
  if (entry.kind == Kind::file) {
    const ValueType type = entry.type;
    entry.type = ValueType::bytes;
    Result<void> ok = !line.state.empty()        ? load_state(txn, parent, entry, type, line, storage)
                      : type == ValueType::bytes ? rows::apply_value(txn, &parent, entry, *value, storage.text)
                                                 : load_text(txn, parent, entry, type, *value, storage);
    if (!ok) return ok;
  } else if (entry.kind == Kind::symlink) {
    entry.inline_value = *line.bytes;
    entry.size = line.bytes->size();
    rows::count(txn, parent, 0, static_cast<int64_t>(entry.size));
  }
  if (line.link_id == 0) {
    entry.shadowed = shadowed;
  } else {
    Entry name;
    name.kind = Kind::link;
    name.inode = entry.inode;
    name.shadowed = shadowed;
    txn.rows().put(dirent_row(slot), encode_entry(name));
    entry.by_inode = true;
    links.add(line.link_id, entry.inode);
  }
  rows::store(txn, slot, entry);
  rows::move_index(txn, parent, slot, {0, entry.expires_ms});
  rows::count(txn, parent, rows::keys_of(entry), 0);
  ChangeView change =
      rows::describe(txn, entry.kind == Kind::file ? ChangeKind::put : ChangeKind::make, parent, slot, entry);
  change.created = true;
  change.id = txn.next_version();
  txn.record(std::move(change));
  return {};
}

Result<void> load_name(WriteTxn& txn, const DirPath& parent, const Slot& slot, const DumpLine& line,
                       const LoadedLinks& links) {
  const Inode inode = links.find(line.link_id);
  std::optional<Entry> entry = inode == 0 ? std::nullopt : rows::load_inode(txn.rows(), inode);
  if (!entry) return {Errc::invalid, fmt::format("no file with link_id {} came before", line.link_id)};
  if (entry->nlink >= kLinksMax)
    return {Errc::too_many_links, fmt::format("a file can have at most {} names", kLinksMax)};
  entry->nlink += 1;
  ChangeView change = rows::describe(txn, ChangeKind::link, parent, slot, *entry);
  const int64_t keys = rows::keys_of(*entry);
  Entry name;
  name.kind = Kind::link;
  name.inode = entry->inode;
  name.shadowed = txn.rows().get(dirent_row({slot.dir, slot.name, true})).has_value();
  rows::store(txn, {}, *entry);
  txn.rows().put(dirent_row(slot), encode_entry(name));
  rows::count(txn, parent, keys, 0);
  change.created = true;
  change.id = txn.next_version();
  txn.record(std::move(change));
  return {};
}

}  // namespace

Result<LoadOutcome> load_entry(WriteTxn& txn, const DumpLine& line, const StagedValue* value, const LoadRules& rules,
                               LoadedLinks& links) {
  if (line.what == What::root) {
    if (!rules.replace && !rules.keep_versions) return LoadOutcome::kept;
    if (Result<void> ok = load_root(txn, line, rules); !ok) return ok.error();
    return LoadOutcome::written;
  }
  std::string_view name;
  const Result<DirPathPtr> parent = ensure_parent(txn, line, name);
  if (!parent) return parent.error();
  if (line.what != What::node && line.what != What::name) {
    LoadOutcome outcome = LoadOutcome::written;
    if (const auto loaded = load_directory(txn, **parent, name, line, rules, outcome); !loaded) return loaded.error();
    return outcome;
  }
  const Slot slot{(*parent)->id, name, false};
  if (const std::optional<Entry> present = rows::load(txn.rows(), slot)) {
    if (!rules.replace && !present->expired(txn.now_ms())) return exists(line);
    rows::erase_value(txn, **parent, slot, *present, ChangeKind::remove, rows::Removal::for_good);
  }
  Result<void> done = line.what == What::node ? load_node(txn, **parent, slot, line, value, rules, links)
                                              : load_name(txn, **parent, slot, line, links);
  untouch(txn, slot.dir);
  if (!done) return done.error();
  return LoadOutcome::written;
}

Result<void> check_free(const ReadTxn& txn, const DumpLine& line) {
  const Result<DirId> tenant = find_tenant(txn, line.tenant);
  const Result<DirId> collection = tenant ? find_collection(txn, *tenant, line.collection) : tenant;
  const Result<Slot> slot = collection ? find_slot(txn, *collection, line.key) : Result<Slot>(Errc::not_found);
  if (slot && find_entry(txn, *slot)) return exists(line);
  return {};
}

}  // namespace kvfs
