#include "store/keyspace.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "store/acl.h"
#include "store/key_state.h"
#include "store/privileges.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

namespace {

Result<DirId> find_directory(const ReadTxn& txn, DirId parent, std::string_view name) {
  const bool cached = txn.may_use_caches();
  if (cached)
    if (const DirId dir = txn.runtime().cached_name(parent, name); dir != 0) return dir;
  const std::optional<Entry> entry = rows::load(txn.rows(), {parent, name, true});
  if (!entry) return Errc::not_found;
  if (cached) txn.runtime().cache_name(parent, name, entry->inode, txn.cache_generation());
  return entry->inode;
}

Result<DirId> find_named(const ReadTxn& txn, DirId parent, std::string_view name, std::string_view what) {
  Result<DirId> found = find_directory(txn, parent, name);
  if (found) return found;
  if (Result<void> ok = check_name(name, what); !ok) return ok.error();
  return Errc::not_found;
}

/// The directory `component` of `parent`, made (implicit, owned as its parent) where absent.
Result<DirPathPtr> ensure_directory(WriteTxn& txn, const DirPath& parent, std::string_view component) {
  const std::optional<Entry> present = rows::load(txn.rows(), {parent.id, component, true});
  if (present) return dir_path(txn, present->inode);
  Entry entry;
  entry.implicit = true;
  entry.mode = 0755;
  entry.uid = parent.uid;
  entry.gid = parent.gid;
  InheritedAcls inherited;
  if (!parent.default_acl.empty()) {
    inherited = inherit_acls(parent.default_acl, {}, true, 0777);
    entry.mode = inherited.mode;
    entry.xattrs = inherited.xattrs;
  }
  entry.mode |= parent.mode & S_ISGID;
  const Result<Entry> made = rows::make_directory(txn, parent, component, entry);
  if (!made) return made.error();
  return dir_path(txn, made->inode);
}

}  // namespace

Result<DirPathPtr> rows::ensure_place(WriteTxn& txn, DirId collection, std::string_view key, Slot& slot) {
  Result<DirPathPtr> path = dir_path(txn, collection);
  if (!path) return Errc::not_found;
  KeyComponents components(key);
  std::string_view component;
  while (components.next_directory(component)) {
    path = ensure_directory(txn, **path, component);
    if (!path) return path;
  }
  slot = {(*path)->id, components.last(), false};
  return path;
}

namespace {

/// Small bytes in the place of the entry's value.
void assign_bytes(WriteTxn& txn, const DirPath& path, Entry& entry, std::string_view value) {
  const auto before = static_cast<int64_t>(entry.bytes_charged());
  if (entry.type != ValueType::bytes) rows::drop_value(txn, entry);
  if (entry.chunked) rows::erase_chunks(txn, entry.inode);
  entry.chunked = false;
  entry.bytes = 0;
  entry.inline_value = value;
  entry.size = value.size();
  rows::count(txn, path, 0, static_cast<int64_t>(value.size()) - before);
}

Error too_large_for_row(std::string_view value) {
  return {Errc::value_too_large, fmt::format("{} bytes are too many to be kept in a row", value.size())};
}

/// The value put at a new key, before its bytes are set. `xattrs` keeps those that it inherits.
Entry new_value(WriteTxn& txn, const DirPath& path, std::string& xattrs) {
  Entry entry;
  entry.mode = 0644;
  if (!path.default_acl.empty()) {
    InheritedAcls inherited = inherit_acls(path.default_acl, {}, false, 0666);
    entry.mode = inherited.mode;
    entry.xattrs = xattrs = std::move(inherited.xattrs);
  }
  entry.uid = path.uid;
  entry.gid = path.gid;
  entry.inode = txn.next_inode();
  entry.atime_ns = entry.btime_ns = txn.now_ns();
  return entry;
}

/// What put() does, with the bytes set by `apply(entry, path)`, which may write chunk rows.
template <class Apply>
Result<PutOutcome> put_with(WriteTxn& txn, DirId collection, std::string_view key, const PutOptions& options,
                            Apply&& apply) {
  if (Result<void> ok = check_key(key); !ok) return ok.error();
  if (options.content_type && options.content_type->size() > kContentTypeBytesMax)
    return {Errc::invalid, fmt::format("a content type has at most {} bytes", kContentTypeBytesMax)};
  Slot slot;
  const Result<DirPathPtr> place = rows::ensure_place(txn, collection, key, slot);
  if (!place) return place.error();
  const DirPath& path = **place;

  std::optional<Entry> present = rows::load_live(txn, path, slot);
  const bool is_value = present && present->kind == Kind::file;
  if (Result<void> ok = check(options.precondition, is_value ? &*present : nullptr); !ok) {
    return ok.error();
  }
  if (present && !is_value) {
    rows::erase_value(txn, path, slot, *present, ChangeKind::remove);
    present.reset();
  }
  PutOutcome outcome;
  outcome.created = !present;
  const std::string former =
      outcome.created && txn.runtime().keeps_tombstones() ? rows::unbury(txn, path.collection, key) : std::string();
  std::string xattrs;
  Entry entry = present ? *present : new_value(txn, path, xattrs);
  if (options.type != ValueType::bytes && outcome.created) entry.state = former;
  if (!present) entry.shadowed = rows::is_shadowed(txn, path, slot);
  rows::IndexMove index;
  if (!(options.keep_expiry && present)) {
    const uint64_t default_ms = path.default_ttl_ms != 0 ? txn.now_ms() + path.default_ttl_ms : 0;
    index = rows::expires_at(entry, options.expires_ms.value_or(default_ms), txn.now_ms());
  }
  if (entry.expires_ms != 0 && entry.nlink > 1) return {Errc::not_permitted, "a file with several names cannot expire"};
  entry.mode &= ~set_id_bits(entry.mode);
  if (present && !entry.xattrs.empty()) entry.xattrs = xattrs = without_capabilities(entry.xattrs);
  // Views into the row end when apply() writes chunk rows.
  std::string kept;
  if (!(options.keep_content_type && present)) entry.content_type = options.content_type.value_or(std::string_view());
  const size_t content_type_bytes = entry.content_type.size();
  if (content_type_bytes != 0 || !entry.xattrs.empty()) {
    kept.append(entry.content_type).append(entry.xattrs);
    entry.content_type = std::string_view(kept).substr(0, content_type_bytes);
    entry.xattrs = std::string_view(kept).substr(content_type_bytes);
  }
  if (Result<void> ok = apply(entry, path); !ok) return ok.error();
  entry.type = options.type;
  entry.mtime_ns = entry.ctime_ns = txn.now_ns();
  const Version version = txn.next_version();
  entry.version = options.version.value_or(version);
  rows::store(txn, slot, entry);
  rows::move_index(txn, path, slot, index);
  note_write(txn, path, slot, outcome.created);
  if (outcome.created) {
    rows::count(txn, path, 1, 0);
    txn.delta(slot.dir).touched = true;
  }
  if (Result<void> ok = rows::check_quota(txn); !ok) return ok.error();
  outcome.version = entry.version;
  outcome.expires_ms = entry.expires_ms;
  ChangeView change = rows::describe(txn, ChangeKind::put, path, slot, entry);
  change.id = version;
  change.created = outcome.created;
  txn.record(std::move(change));
  return outcome;
}

}  // namespace

Result<PutOutcome> rows::put_applied(WriteTxn& txn, DirId collection, std::string_view key, const PutOptions& options,
                                     const ApplyValue& apply) {
  return put_with(txn, collection, key, options, apply);
}

Result<DirId> find_tenant(const ReadTxn& txn, std::string_view tenant) {
  return find_named(txn, kRootDir, tenant, "tenant");
}

Result<DirId> find_collection(const ReadTxn& txn, DirId tenant, std::string_view collection) {
  return find_named(txn, tenant, collection, "collection");
}

Result<DirId> ensure_tenant(WriteTxn& txn, std::string_view tenant) {
  Result<DirId> found = find_tenant(txn, tenant);
  if (found || found.error().code != Errc::not_found) return found;
  NewNode node;
  node.kind = Kind::directory;
  node.mode = 0755;
  const Result<Entry> made = make_node(txn, kRootDir, tenant, node);
  if (!made) return made.error();
  return made->inode;
}

Result<DirId> ensure_collection(WriteTxn& txn, DirId tenant, std::string_view collection) {
  Result<DirId> found = find_collection(txn, tenant, collection);
  if (found || found.error().code != Errc::not_found) return found;
  const Result<DirPathPtr> path = dir_path(txn, tenant);
  if (!path) return Errc::not_found;
  NewNode node;
  node.kind = Kind::directory;
  node.mode = 0755;
  node.uid = (*path)->uid;
  node.gid = (*path)->gid;
  const Result<Entry> made = make_node(txn, tenant, collection, node);
  if (!made) return made.error();
  return made->inode;
}

Result<Slot> find_slot(const ReadTxn& txn, DirId collection, std::string_view key) {
  DirId dir = collection;
  KeyComponents components(key);
  std::string_view component;
  while (components.next_directory(component)) {
    if (component.size() > kComponentBytesMax) return check_key(key).error();
    const std::optional<Entry> entry = rows::load(txn.rows(), {dir, component, true});
    if (!entry) {
      if (Result<void> ok = check_key(key); !ok) return ok.error();
      return Errc::not_found;
    }
    dir = entry->inode;
  }
  const Slot slot{dir, components.last(), false};
  if (slot.name.size() > kComponentBytesMax || key.empty()) return check_key(key).error();
  return slot;
}

Result<Entry> peek(const ReadTxn& txn, DirId collection, std::string_view key) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  if (!slot) return slot.error();
  Result<Entry> entry = find_entry(txn, *slot);
  if (entry && entry->kind != Kind::file) return Errc::not_found;
  return entry;
}

Result<Entry> get(const ReadTxn& txn, DirId collection, std::string_view key) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  Result<Entry> entry = slot ? find_entry(txn, *slot) : slot.error();
  if (entry && entry->kind != Kind::file) entry = Errc::not_found;
  note_read(txn, collection, entry ? &*slot : nullptr);
  return entry;
}

Result<void> check(const Precondition& precondition, const Entry* present) {
  const auto has_one_of = [&](const std::vector<Version>& versions) {
    return present != nullptr && std::find(versions.begin(), versions.end(), present->version) != versions.end();
  };
  if (precondition.if_absent && present != nullptr) return {Errc::precondition_failed, "the key exists"};
  if (precondition.if_present && present == nullptr) return {Errc::precondition_failed, "the key does not exist"};
  if (precondition.if_match && !has_one_of(*precondition.if_match))
    return {Errc::precondition_failed,
            present != nullptr ? fmt::format("the key has version {}", present->version) : "the key does not exist"};
  if (precondition.if_none_match && has_one_of(*precondition.if_none_match))
    return {Errc::precondition_failed, fmt::format("the key has version {}", present->version)};
  if (precondition.if_unmodified_since_s && present != nullptr &&
      present->mtime_ns / 1'000'000'000 > *precondition.if_unmodified_since_s)
    return {Errc::precondition_failed, "the key was modified later"};
  return {};
}

Result<PutOutcome> put(WriteTxn& txn, DirId collection, std::string_view key, const StagedValue& value,
                       const PutOptions& options) {
  rows::TypedStorage storage;
  return put_with(txn, collection, key, options, [&](Entry& entry, const DirPath& path) -> Result<void> {
    if (options.type != ValueType::bytes)
      return rows::apply_typed(txn, &path, entry, options.type, value, std::nullopt, storage);
    if (entry.type != ValueType::bytes) {
      if (!value.replaces) return {Errc::wrong_type, "parts of bytes cannot be laid over a counter or set"};
      rows::count(txn, path, 0, -static_cast<int64_t>(entry.bytes_charged()));
      rows::drop_value(txn, entry);
    }
    return rows::apply_value(txn, &path, entry, value, storage.text);
  });
}

Result<PutOutcome> put(WriteTxn& txn, DirId collection, std::string_view key, std::string_view value,
                       const PutOptions& options) {
  if (options.type != ValueType::bytes) {
    rows::TypedStorage storage;
    return put_with(txn, collection, key, options, [&](Entry& entry, const DirPath& path) -> Result<void> {
      const auto before = static_cast<int64_t>(entry.bytes_charged());
      Result<void> ok = rows::assign_typed(txn, entry, options.type, value, false, storage);
      if (ok) rows::count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
      return ok;
    });
  }
  if (value.size() > kInlineBytesMax) return too_large_for_row(value);
  return put_with(txn, collection, key, options, [&](Entry& entry, const DirPath& path) -> Result<void> {
    assign_bytes(txn, path, entry, value);
    return {};
  });
}

Result<PutOutcome> update(WriteTxn& txn, DirId collection, std::string_view key, const MakeValue& make,
                          const PutOptions& options) {
  return put_with(txn, collection, key, options, [&](Entry& entry, const DirPath& path) -> Result<void> {
    const Result<std::string_view> value = make(entry.version != 0 ? &entry : nullptr);
    if (!value) return value.error();
    if (value->size() > kInlineBytesMax) return too_large_for_row(*value);
    assign_bytes(txn, path, entry, *value);
    return {};
  });
}

Result<Version> rows::remove_key(WriteTxn& txn, DirId collection, std::string_view key,
                                 const Precondition& precondition, Removal removal) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  if (!slot) return slot.error();
  const Result<DirPathPtr> path = dir_path(txn, slot->dir);
  if (!path) return Errc::not_found;
  const std::optional<Entry> entry = rows::load_live(txn, **path, *slot);
  const bool is_value = entry && entry->kind == Kind::file;
  if (Result<void> ok = check(precondition, is_value ? &*entry : nullptr); !ok) return ok.error();
  if (!is_value) return Errc::not_found;
  const Version version = rows::erase_value(txn, **path, *slot, *entry, ChangeKind::remove, removal);
  rows::prune_implicit(txn, *slot);
  return version;
}

Result<Version> remove(WriteTxn& txn, DirId collection, std::string_view key, const Precondition& precondition) {
  return rows::remove_key(txn, collection, key, precondition, rows::Removal::may_be_kept);
}

Result<Version> set_expiry(WriteTxn& txn, DirId collection, std::string_view key, uint64_t expires_ms) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  if (!slot) return slot.error();
  Result<Entry> entry = find_entry(txn, *slot);
  if (!entry || entry->kind != Kind::file) return Errc::not_found;
  if (expires_ms != 0 && entry->nlink != 1) return {Errc::not_permitted, "a file with several names cannot expire"};
  const Result<DirPathPtr> path = dir_path(txn, slot->dir);
  if (!path) return Errc::not_found;
  const rows::IndexMove index = rows::expires_at(*entry, expires_ms, txn.now_ms());
  entry->ctime_ns = txn.now_ns();
  entry->version = txn.next_version();
  txn.record(rows::describe(txn, ChangeKind::attributes, **path, *slot, *entry));
  rows::store(txn, *slot, *entry);
  rows::move_index(txn, **path, *slot, index);
  return entry->version;
}

namespace {

/// The live value of `key`, for copies and renames. Errors: not_found.
Result<Found> find_value(const ReadTxn& txn, DirId collection, std::string_view key) {
  const Result<Slot> slot = find_slot(txn, collection, key);
  if (!slot) return slot.error();
  const Result<Entry> entry = find_entry(txn, *slot);
  if (!entry) return entry.error();
  if (entry->kind != Kind::file) return Errc::not_found;
  return Found{*slot, *entry};
}

Result<void> check_target(const ReadTxn& txn, DirId collection, std::string_view key, const Precondition& precondition,
                          bool& created) {
  if (Result<void> ok = check_key(key); !ok) return ok;
  const Result<Entry> present = peek(txn, collection, key);
  created = !present;
  return check(precondition, present ? &*present : nullptr);
}

}  // namespace

Result<PutOutcome> rename_key(WriteTxn& txn, DirId from_collection, std::string_view from, DirId to_collection,
                              std::string_view to, const Precondition& on_target) {
  PutOutcome outcome;
  const Result<Found> source = find_value(txn, from_collection, from);
  if (!source) return source.error();
  if (Result<void> ok = check_target(txn, to_collection, to, on_target, outcome.created); !ok) return ok.error();
  const Slot from_slot = source->slot;
  Slot to_slot;
  const Result<DirPathPtr> place = rows::ensure_place(txn, to_collection, to, to_slot);
  if (!place) return place.error();
  if (const auto ok = rename_value(txn, from_slot, to_slot, RenameMode::replace); !ok) return ok.error();
  const Result<Entry> moved = find_entry(txn, to_slot);
  if (!moved) return moved.error();
  outcome.version = moved->version;
  outcome.expires_ms = moved->expires_ms;
  return outcome;
}

Result<PutOutcome> copy_key(WriteTxn& txn, DirId from_collection, std::string_view from, DirId to_collection,
                            std::string_view to, const Precondition& on_target) {
  const Result<Found> source = find_value(txn, from_collection, from);
  if (!source) return source.error();
  Result<std::string> bytes = read_whole_value(txn, source->entry, kCopyBytesMax);
  if (!bytes) return bytes.error();
  const std::string content_type(source->entry.content_type);
  PutOptions options;
  options.precondition = on_target;
  options.content_type = content_type;
  options.expires_ms = source->entry.expires_ms;
  options.type = source->entry.type;
  if (bytes->size() <= kInlineBytesMax || options.type != ValueType::bytes)
    return put(txn, to_collection, to, std::string_view(*bytes), options);
  return put_with(txn, to_collection, to, options, [&](Entry& entry, const DirPath& path) -> Result<void> {
    return rows::write_chunks(txn, path, entry, *bytes);
  });
}

Result<size_t> clear_collection(WriteTxn& txn, DirId collection, size_t count_max, bool everything) {
  std::vector<std::string> keys;
  KeyCursor cursor(txn, collection);
  for (cursor.seek(""); cursor.valid() && keys.size() < count_max; cursor.next()) keys.emplace_back(cursor.key());
  for (const std::string& key : keys)
    if (Result<Version> removed = remove(txn, collection, key); !removed && removed.error().code != Errc::not_found)
      return removed.error();
  if (keys.empty() && everything) {
    const Result<size_t> left = rows::erase_tree(txn, collection, count_max);
    if (!left) return left.error();
    return *left;
  }
  return keys.size();
}

namespace {

std::vector<CollectionInfo> list_directories(const ReadTxn& txn, DirId dir) {
  std::vector<CollectionInfo> out;
  for (DirectoryCursor cursor(txn, dir, std::nullopt); cursor.valid(); cursor.next()) {
    if (!cursor.slot().directory) continue;
    const Entry& entry = cursor.entry();
    out.push_back({std::string(cursor.component()), entry.inode, entry.keys, entry.bytes, {}});
  }
  for (CollectionInfo& info : out) info.settings = settings_of(txn, info.id);
  return out;
}

}  // namespace

std::vector<CollectionInfo> list_collections(const ReadTxn& txn, DirId tenant) { return list_directories(txn, tenant); }

std::vector<CollectionInfo> list_tenants(const ReadTxn& txn) {
  std::vector<CollectionInfo> out = list_directories(txn, kRootDir);
  for (CollectionInfo& tenant : out) {
    for (const CollectionInfo& collection : list_directories(txn, tenant.id)) {
      tenant.keys += collection.keys;
      tenant.bytes += collection.bytes;
    }
  }
  return out;
}

Settings settings_of(const ReadTxn& txn, DirId dir) {
  const auto row = txn.rows().get(settings_row(dir));
  if (!row) return {};
  const Result<Settings> settings = decode_settings(*row);
  if (!settings) throw StoreException(settings.error());
  return *settings;
}

void set_settings(WriteTxn& txn, DirId dir, const Settings& settings) {
  txn.rows().put(settings_row(dir), encode_settings(settings));
  txn.settings_changed(dir, settings);
}

}  // namespace kvfs
