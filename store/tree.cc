#include "store/tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/acl.h"
#include "store/byte_order.h"
#include "store/privileges.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

Result<Entry> find_entry(const ReadTxn& txn, const Slot& slot) {
  std::optional<Entry> entry = rows::load(txn.rows(), slot);
  if (!entry || entry->expired(txn.now_ms())) return Errc::not_found;
  return *entry;
}

Result<Found> find_name(const ReadTxn& txn, DirId dir, std::string_view component) {
  // Values are far more frequent than directories; only a shadowed one has a directory beside it.
  Slot slot{dir, component, false};
  std::optional<Entry> value = rows::load(txn.rows(), slot);
  if (value && !value->shadowed && !value->expired(txn.now_ms())) return Found{slot, *value};
  slot.directory = true;
  std::optional<Entry> directory = rows::load(txn.rows(), slot);
  if (!directory) return Errc::not_found;
  return Found{slot, *directory};
}

Result<Located> find_inode(const ReadTxn& txn, Inode inode, const Slot& hint) {
  const auto at = [&](const Slot& slot) -> std::optional<Located> {
    if (slot.dir == 0) return std::nullopt;
    Result<Entry> entry = find_entry(txn, slot);
    if (!entry || entry->inode != inode) return std::nullopt;
    Located located{slot, std::string(slot.name), *entry};
    located.slot.name = {};
    return located;
  };
  std::optional<Located> located = at(hint);
  if (!located) {
    const auto [dir, name] = txn.runtime().held_slot(inode);
    located = at({dir, name, false});
  }
  if (!located) {
    if (const std::optional<Entry> entry = rows::load_inode(txn.rows(), inode))
      located = Located{{hint.dir, {}, false}, std::string(hint.name), *entry};
    if (located && located->entry.nlink == 0) located->slot.dir = 0;
  }
  if (!located) return Errc::stale;
  return std::move(*located);
}

Entry root_entry(const ReadTxn& txn) {
  if (const auto row = txn.rows().get(meta_row("root"))) {
    Result<Entry> entry = decode_entry(*row);
    if (!entry) throw StoreException(entry.error());
    return *entry;
  }
  Entry entry;
  entry.kind = Kind::directory;
  entry.inode = kRootDir;
  entry.mode = 0755;
  entry.nlink = 2;
  return entry;
}

namespace {

DirPathPtr root_path() {
  static const DirPathPtr root = [] {
    auto path = std::make_shared<DirPath>();
    path->id = kRootDir;
    return path;
  }();
  return root;
}

std::shared_ptr<DirPath> child_path(const DirPath& parent, DirId dir, std::string_view name) {
  auto path = std::make_shared<DirPath>(parent);
  path->id = dir;
  path->parent = parent.id;
  path->name = name;
  path->depth = parent.depth + 1;
  if (path->depth == 1) {
    path->tenant = dir;
    path->tenant_name = name;
  } else if (path->depth == 2) {
    path->collection = dir;
    path->collection_name = name;
  } else {
    path->key_prefix.append(name).push_back('/');
  }
  return path;
}

}  // namespace

Result<DirPathPtr> dir_path(const ReadTxn& txn, DirId dir) {
  if (dir == kRootDir) return root_path();
  const bool cached = txn.may_use_caches();
  if (cached) {
    DirPathPtr& last = txn.last_path();
    if (last != nullptr && last->id == dir) return last;
    if (DirPathPtr path = txn.runtime().cached_path(dir)) return last = std::move(path);
  }
  const auto row = txn.rows().get(parent_row(dir));
  if (!row || row->size() < 8) return {Errc::stale, "the directory no longer exists"};
  const DirId parent_dir = load_be64(row->data());
  const std::string name(row->substr(8));
  const Result<DirPathPtr> parent = dir_path(txn, parent_dir);
  if (!parent) return parent;
  const std::optional<Entry> entry = rows::load(txn.rows(), {parent_dir, name, true});
  if (!entry || entry->inode != dir)
    throw StoreException({Errc::corrupt, fmt::format("directory {} is not where its parent row says", dir)});
  const std::shared_ptr<DirPath> path = child_path(**parent, dir, name);
  path->mode = entry->mode;
  path->uid = entry->uid;
  path->gid = entry->gid;
  path->default_acl = Xattrs::find(entry->xattrs, kDefaultAclName).value_or(std::string_view());
  if (entry->default_ttl_ms != 0) path->default_ttl_ms = entry->default_ttl_ms;
  if (cached) txn.runtime().cache_path(path, txn.cache_generation());
  return DirPathPtr(path);
}

Result<void> rows::check_component(const DirPath& parent, std::string_view component, Kind kind) {
  if (component.size() > kComponentBytesMax)
    return {Errc::name_too_long,
            fmt::format("the name has {} bytes; at most {} are allowed", component.size(), kComponentBytesMax)};
  if (parent.depth >= 2) {
    if (parent.key_prefix.size() + component.size() > kKeyBytesMax)
      return {Errc::key_too_long, fmt::format("the key would be longer than {} bytes", kKeyBytesMax)};
    return {};
  }
  if (kind != Kind::directory)
    return {Errc::not_permitted, parent.depth == 0 ? "only tenants (directories) can be made at the top"
                                                   : "only collections (directories) can be made in a tenant"};
  return check_name(component, parent.depth == 0 ? "tenant" : "collection");
}

namespace {

/// What a new node has of what it is asked for, and of the directory that it is made in; `inherited` keeps the views.
Entry new_node(const DirPath& parent, const NewNode& node, InheritedAcls& inherited) {
  Entry entry;
  entry.mode = node.mode & kModeMask;
  entry.uid = node.uid;
  entry.gid = node.gid;
  entry.xattrs = node.xattrs;
  if (!parent.default_acl.empty() && node.kind != Kind::symlink) {
    inherited = inherit_acls(parent.default_acl, node.xattrs, node.kind == Kind::directory, entry.mode);
    entry.mode = inherited.mode;
    entry.xattrs = inherited.xattrs;
  } else {
    entry.mode &= ~node.umask;
  }
  if ((parent.mode & 02000) != 0) {
    entry.gid = parent.gid;
    if (node.kind == Kind::directory) entry.mode |= 02000;
  }
  return entry;
}

}  // namespace

Result<Entry> make_unnamed(WriteTxn& txn, DirId dir, const NewNode& node) {
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return path.error();
  if (Result<void> ok = rows::check_component(**path, {}, node.kind); !ok) return ok.error();
  InheritedAcls inherited;
  Entry entry = new_node(**path, node, inherited);
  entry.kind = Kind::file;
  entry.nlink = 0;
  entry.by_inode = true;
  entry.inode = txn.next_inode();
  entry.version = txn.next_version();
  entry.atime_ns = entry.mtime_ns = entry.ctime_ns = entry.btime_ns = txn.now_ns();
  rows::store(txn, {}, entry);
  txn.rows().put(orphan_row(entry.inode), {});
  txn.inode_moved(entry.inode, std::nullopt);
  return *rows::load_inode(txn.rows(), entry.inode);
}

Result<Entry> make_node(WriteTxn& txn, DirId dir, std::string_view component, const NewNode& node) {
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return path.error();
  const DirPath& parent = **path;
  if (Result<void> ok = rows::check_component(parent, component, node.kind); !ok) return ok.error();

  const Slot slot{dir, component, false};
  if (rows::load_live(txn, parent, slot) || rows::is_shadowed(txn, parent, slot)) return Errc::exists;

  InheritedAcls inherited;
  Entry entry = new_node(parent, node, inherited);
  const bool inherits = !inherited.xattrs.empty();
  if (node.kind == Kind::directory) {
    auto made = rows::make_directory(txn, parent, component, entry);
    return made && inherits ? find_entry(txn, {dir, component, true}) : made;
  }
  entry.kind = node.kind;
  entry.rdev = node.rdev;
  entry.inline_value = node.target;
  entry.size = node.target.size();
  entry.inode = txn.next_inode();
  entry.version = txn.next_version();
  entry.atime_ns = entry.mtime_ns = entry.ctime_ns = entry.btime_ns = txn.now_ns();
  if (node.kind == Kind::file && parent.default_ttl_ms != 0) entry.expires_ms = txn.now_ms() + parent.default_ttl_ms;
  rows::store(txn, slot, entry);
  rows::move_index(txn, parent, slot, {0, entry.expires_ms});
  rows::count(txn, parent, rows::keys_of(entry), static_cast<int64_t>(entry.bytes_charged()));
  txn.delta(dir).touched = true;
  ChangeView change =
      rows::describe(txn, node.kind == Kind::file ? ChangeKind::put : ChangeKind::make, parent, slot, entry);
  change.created = true;
  txn.record(std::move(change));
  if (Result<void> ok = rows::check_quota(txn); !ok) return ok.error();
  if (node.kind == Kind::file) note_write(txn, parent, slot, true);
  return inherits ? find_entry(txn, slot) : entry;  // its views end with this function, those of the row do not
}

Result<void> unlink(WriteTxn& txn, const Slot& slot) {
  const Result<DirPathPtr> path = dir_path(txn, slot.dir);
  if (!path) return Errc::not_found;
  const std::optional<Entry> entry = rows::load_live(txn, **path, slot);
  if (!entry) return rows::load(txn.rows(), {slot.dir, slot.name, true}) ? Errc::is_directory : Errc::not_found;
  rows::erase_value(txn, **path, slot, *entry, ChangeKind::remove);
  rows::prune_implicit(txn, slot.dir);
  return {};
}

namespace {

/// Removes the expired values of a directory, so that it can go.
void erase_expired(WriteTxn& txn, const DirPath& path) {
  const std::string prefix = dirent_prefix(path.id);
  const auto cursor = txn.rows().cursor();
  std::string at = prefix;
  for (cursor->seek(at); cursor->valid() && cursor->key().starts_with(prefix); cursor->seek(at)) {
    at = cursor->key();
    const Result<Slot> slot = parse_dirent_row(at);
    if (!slot) throw StoreException(slot.error());
    if (!slot->directory) rows::load_live(txn, path, *slot);
    at.push_back('\0');
  }
}

}  // namespace

Result<void> remove_directory(WriteTxn& txn, DirId dir, std::string_view component) {
  const Slot slot{dir, component, true};
  const std::optional<Entry> entry = rows::load(txn.rows(), slot);
  if (!entry) return rows::load(txn.rows(), {dir, component, false}) ? Errc::not_directory : Errc::not_found;
  Entry directory = *entry;
  const Result<DirPathPtr> path = dir_path(txn, directory.inode);
  if (!path) return Errc::not_found;
  const bool holds_expired = rows::has_rows(txn, directory.inode);
  if (holds_expired && !is_empty_directory(txn, directory.inode)) return Errc::not_empty;
  if (find_entry(txn, {dir, component, false})) return {Errc::not_empty, "the directory has a value of its own"};
  if (holds_expired) {
    erase_expired(txn, **path);
    directory = *rows::load(txn.rows(), slot);
  }
  rows::erase_directory(txn, **path, directory);
  rows::prune_implicit(txn, dir);
  return {};
}

Result<Entry> link(WriteTxn& txn, const Located& file, DirId dir, std::string_view component) {
  Entry entry = file.entry;
  if (entry.is_directory()) return {Errc::not_permitted, "a directory cannot have a second name"};
  if (entry.nlink >= kLinksMax)
    return {Errc::too_many_links, fmt::format("a file can have at most {} names", kLinksMax)};
  if (entry.expires_ms != 0) return {Errc::not_permitted, "a key with a time to live cannot have a second name"};
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return Errc::not_found;
  if (Result<void> ok = rows::check_component(**path, component, entry.kind); !ok) return ok.error();
  const Slot slot{dir, component, false};
  if (rows::load_live(txn, **path, slot) || rows::load(txn.rows(), {dir, component, true})) return Errc::exists;

  const Slot old{file.slot.dir, file.name, false};
  const bool orphan = old.dir == 0;
  if (!orphan) {
    const Result<DirPathPtr> from = dir_path(txn, old.dir);
    if (!from || (*from)->collection != (*path)->collection)
      return {Errc::cross_tenant, "hard links do not span collections"};
  }
  // The writes above may have ended the views of file.entry: read it again.
  const std::optional<Entry> fresh =
      orphan || entry.by_inode ? rows::load_inode(txn.rows(), entry.inode) : rows::load(txn.rows(), old);
  if (!fresh) return Errc::stale;
  entry = *fresh;
  const bool was_linked = entry.by_inode;
  Entry name;
  name.kind = Kind::link;
  name.inode = entry.inode;
  name.shadowed = entry.shadowed;
  entry.shadowed = false;
  entry.by_inode = true;
  entry.nlink += 1;
  entry.ctime_ns = txn.now_ns();
  entry.version = txn.next_version();
  ChangeView change = rows::describe(txn, ChangeKind::link, **path, slot, entry);
  change.created = true;
  const int64_t keys = rows::keys_of(entry);
  const int64_t bytes = static_cast<int64_t>(entry.bytes_charged());
  rows::store(txn, {}, entry);
  if (!was_linked) txn.rows().put(dirent_row(old), encode_entry(name));
  name.shadowed = false;
  txn.rows().put(dirent_row(slot), encode_entry(name));
  if (orphan) {
    txn.rows().erase(orphan_row(name.inode));
    txn.inode_moved(name.inode, slot);
  }
  rows::count(txn, **path, keys, orphan ? bytes : 0);
  txn.delta(dir).touched = true;
  txn.record(std::move(change));
  // What had no name counted nowhere.
  if (Result<void> ok = rows::check_quota(txn); !ok) return ok.error();
  const std::optional<Entry> linked = rows::load_inode(txn.rows(), name.inode);
  return *linked;
}

namespace {

struct Target {
  Slot slot;
  Entry entry;
  DirPathPtr path;  // of slot.dir; null: an orphan
};

/// Reads a located node again within this transaction, so that its views are fresh.
Result<Target> reload(WriteTxn& txn, const Located& node) {
  Target target;
  target.slot = node.slot;
  target.slot.name = node.name;
  if (node.entry.inode == kRootDir) {
    target.entry = root_entry(txn);
    target.path = root_path();
    return target;
  }
  std::optional<Entry> entry;
  if (node.slot.dir == 0 || node.entry.by_inode)
    entry = rows::load_inode(txn.rows(), node.entry.inode);
  else
    entry = rows::load(txn.rows(), target.slot);
  if (!entry || entry->inode != node.entry.inode) return Errc::stale;
  target.entry = *entry;
  if (node.slot.dir != 0) {
    Result<DirPathPtr> path = dir_path(txn, node.slot.dir);
    if (!path) return path.error();
    target.path = *path;
  }
  return target;
}

void write_target(WriteTxn& txn, const Target& target) {
  if (target.entry.inode == kRootDir)
    txn.rows().put(meta_row("root"), encode_entry(target.entry));
  else
    rows::store(txn, target.slot, target.entry);
}

}  // namespace

Result<Entry> set_attributes(WriteTxn& txn, const Located& node, const AttributeChange& change) {
  Result<Target> target = reload(txn, node);
  if (!target) return target.error();
  Entry& entry = target->entry;
  if (change.xattrs && change.xattrs->size() > kXattrsBytesMax)
    return {Errc::no_space, fmt::format("the extended attributes would take more than {} bytes", kXattrsBytesMax)};
  if (change.content_type && change.content_type->size() > kContentTypeBytesMax)
    return {Errc::invalid, fmt::format("a content type has at most {} bytes", kContentTypeBytesMax)};
  if (change.expires_ms && *change.expires_ms != 0) {
    if (entry.kind != Kind::file) return {Errc::invalid, "only values can expire"};
    if (entry.nlink != 1) return {Errc::not_permitted, "a file with several names cannot expire"};
  }
  if (change.default_ttl_ms && !entry.is_directory()) return {Errc::invalid, "only directories have a default TTL"};
  std::string xattrs;
  if (change.mode) {
    entry.mode = *change.mode & kModeMask;
    if (!change.xattrs && !entry.xattrs.empty()) entry.xattrs = xattrs = xattrs_after_chmod(entry.xattrs, entry.mode);
  }
  if (change.uid) entry.uid = *change.uid;
  if (change.gid) entry.gid = *change.gid;
  if (change.atime_ns) entry.atime_ns = *change.atime_ns;
  if (change.mtime_ns) entry.mtime_ns = *change.mtime_ns;
  rows::IndexMove index;
  if (change.expires_ms) index = rows::expires_at(entry, *change.expires_ms, txn.now_ms());
  if (change.content_type) entry.content_type = *change.content_type;
  if (change.xattrs) entry.xattrs = *change.xattrs;
  if (entry.implicit) entry.implicit = false;  // somebody cares for it
  if (entry.is_directory() && (change.uid || change.gid || change.mode || change.xattrs)) txn.path_changed(entry.inode);
  if (change.default_ttl_ms) txn.paths_changed();  // inherited
  if (change.default_ttl_ms) entry.default_ttl_ms = *change.default_ttl_ms;
  if (!change.keeps_ctime) entry.ctime_ns = txn.now_ns();
  if (!change.keeps_version) entry.version = txn.next_version();
  if (target->path && entry.inode != kRootDir) {
    ChangeView described = rows::describe(txn, ChangeKind::attributes, *target->path, target->slot, entry);
    if (change.keeps_version) described.id = txn.next_version();
    txn.record(std::move(described));
  }
  write_target(txn, *target);
  if (target->path && entry.inode != kRootDir) rows::move_index(txn, *target->path, target->slot, index);
  const Result<Target> written = reload(txn, node);
  if (!written) return written.error();
  return written->entry;
}

Result<void> set_access_time(WriteTxn& txn, const Located& node, int64_t atime_ns) {
  Result<Target> target = reload(txn, node);
  if (!target) return target.error();
  if (target->entry.atime_ns >= atime_ns) return {};
  target->entry.atime_ns = atime_ns;
  write_target(txn, *target);
  return {};
}

Result<Entry> set_value(WriteTxn& txn, const Located& node, const StagedValue& value, const ValueChange& change) {
  Result<Target> target = reload(txn, node);
  if (!target) return target.error();
  Entry& entry = target->entry;
  if (entry.kind != Kind::file) return entry.is_directory() ? Errc::is_directory : Errc::invalid;
  if (change.if_version && *change.if_version != entry.version)
    return {Errc::stale, fmt::format("the key has version {}, not {}", entry.version, *change.if_version)};
  // Applying the value writes rows, which ends views: keep what is short.
  const std::string content_type(entry.content_type);
  const std::string xattrs = without_capabilities(entry.xattrs);
  entry.content_type = content_type;
  entry.xattrs = xattrs;
  rows::TypedStorage storage;
  const DirPath* path = target->path.get();
  Result<void> ok = entry.type == ValueType::bytes
                        ? rows::apply_value(txn, path, entry, value, storage.text)
                        : rows::apply_typed(txn, path, entry, entry.type, value, change.appended_from, storage);
  if (!ok) return ok.error();
  entry.mtime_ns = change.mtime_ns.value_or(txn.now_ns());
  entry.ctime_ns = change.ctime_ns ? std::max(entry.ctime_ns, *change.ctime_ns) : txn.now_ns();
  entry.mode &= ~change.clears_mode;
  entry.version = txn.next_version();
  write_target(txn, *target);
  if (target->path) {
    txn.record(rows::describe(txn, ChangeKind::put, *target->path, target->slot, entry));
    note_write(txn, *target->path, target->slot, false);
  }
  if (Result<void> fits = rows::check_quota(txn); !fits) return fits.error();
  const Result<Target> written = reload(txn, node);
  if (!written) return written.error();
  return written->entry;
}

Result<Entry> set_type(WriteTxn& txn, const Located& node, ValueType type) {
  Result<Target> target = reload(txn, node);
  if (!target) return target.error();
  Entry& entry = target->entry;
  if (entry.kind != Kind::file) return {Errc::invalid, "only values have a type"};
  if (entry.type == type) return entry;
  Result<std::string> text = read_whole_value(txn, entry, kTypedTextBytesMax);
  if (!text) return text.error();
  if (entry.type == ValueType::counter) *text = counter_digits(entry);
  const std::string content_type(entry.content_type);
  const std::string xattrs(entry.xattrs);
  entry.content_type = content_type;
  entry.xattrs = xattrs;
  rows::TypedStorage storage;
  if (type == ValueType::bytes && text->size() > kInlineBytesMax) {
    if (target->path) rows::count(txn, *target->path, 0, -static_cast<int64_t>(entry.bytes_charged()));
    rows::drop_value(txn, entry);
    if (!target->path) return {Errc::invalid, "the file has no name"};
    if (Result<void> ok = rows::write_chunks(txn, *target->path, entry, *text); !ok) return ok.error();
  } else {
    const auto before = static_cast<int64_t>(entry.bytes_charged());
    if (type == ValueType::bytes) {
      rows::drop_value(txn, entry);
      entry.inline_value = *text;
      entry.size = text->size();
    } else if (Result<void> ok = rows::assign_typed(txn, entry, type, *text, false, storage); !ok) {
      return ok.error();
    }
    if (target->path) rows::count(txn, *target->path, 0, static_cast<int64_t>(entry.bytes_charged()) - before);
  }
  entry.type = type;
  entry.ctime_ns = txn.now_ns();
  entry.version = txn.next_version();
  write_target(txn, *target);
  if (target->path) {
    txn.record(rows::describe(txn, ChangeKind::put, *target->path, target->slot, entry));
    note_write(txn, *target->path, target->slot, false);
  }
  if (Result<void> ok = rows::check_quota(txn); !ok) return ok.error();
  const Result<Target> written = reload(txn, node);
  if (!written) return written.error();
  return written->entry;
}

Result<Found> own_value(const ReadTxn& txn, DirId dir) {
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return path.error();
  if ((*path)->depth < 3) return Errc::not_found;
  // The slot's name must outlive this call: it is taken from the path, which the caches may drop; so from the row.
  const auto row = txn.rows().get(parent_row(dir));
  if (!row) return Errc::not_found;
  const Slot slot{(*path)->parent, row->substr(8), false};
  Result<Entry> entry = find_entry(txn, slot);
  if (!entry) return entry.error();
  return Found{slot, *entry};
}

DirectoryCursor::DirectoryCursor(const ReadTxn& txn, DirId dir, std::optional<std::string_view> after)
    : txn_(txn), prefix_(dirent_prefix(dir)), cursor_(txn.rows().cursor()) {
  std::string from = prefix_;
  if (after) from.append(*after).push_back('\0');
  cursor_->seek(from);
  settle();
}

std::string DirectoryCursor::position() const {
  std::string position(slot_.name);
  if (slot_.directory) position.push_back('/');
  return position;
}

void DirectoryCursor::next() {
  cursor_->next();
  settle();
}

void DirectoryCursor::settle() {
  for (; cursor_->valid() && cursor_->key().starts_with(prefix_); cursor_->next()) {
    const Result<Slot> slot = parse_dirent_row(cursor_->key());
    if (!slot) throw StoreException(slot.error());
    slot_ = *slot;
    Result<Entry> entry = decode_entry(cursor_->value());
    if (!entry) throw StoreException(entry.error());
    entry_ = *entry;
    if (entry_.shadowed && !slot_.directory) continue;
    if (entry_.expired(txn_.now_ms())) continue;
    if (entry_.kind == Kind::link) {
      const std::optional<Entry> linked = rows::load_inode(txn_.rows(), entry_.inode);
      if (!linked)
        throw StoreException({Errc::corrupt, fmt::format("a hard link to inode {}, which has no row", entry_.inode)});
      entry_ = *linked;
    }
    valid_ = true;
    return;
  }
  valid_ = false;
}

bool is_empty_directory(const ReadTxn& txn, DirId dir) { return !DirectoryCursor(txn, dir, std::nullopt).valid(); }

}  // namespace kvfs
