// Names in the tree: made, removed, and given to what has others.
#include <fmt/format.h>

#include "store/acl.h"
#include "store/tree_rows.h"

namespace kvfs {

Result<void> rows::check_component(const DirPath& parent, std::string_view component, Kind kind) {
  if (component.size() > kComponentBytesMax)
    return {Errc::name_too_long,
            fmt::format("the name has {} bytes; at most {} are allowed", component.size(), kComponentBytesMax)};
  if (parent.depth >= 2) {
    if (kind != Kind::directory || parent.key_prefix.size() + component.size() < kDirectoryPathBytesMax) return {};
    return {Errc::key_too_long, fmt::format("the path would be longer than {} bytes", kDirectoryPathBytesMax)};
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
  rows::prune_implicit(txn, slot);
  return {};
}

namespace {

/// Removes the expired values of a directory, so that it can go.
void erase_expired(WriteTxn& txn, const DirPath& path) {
  const std::string prefix = dirent_prefix(path.id);
  const auto cursor = txn.rows().cursor();
  cursor->keep_to(prefix);
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

Result<void> rows::remove_empty_directory(WriteTxn& txn, DirId dir, std::string_view component) {
  const Slot slot{dir, component, true};
  const std::optional<Entry> entry = rows::load(txn.rows(), slot);
  if (!entry) return rows::load(txn.rows(), {dir, component, false}) ? Errc::not_directory : Errc::not_found;
  Entry directory = *entry;
  const Result<DirPathPtr> path = dir_path(txn, directory.inode);
  if (!path) return Errc::not_found;
  const bool holds_expired = rows::has_rows(txn, directory.inode, dirent_prefix(directory.inode));
  if (holds_expired && !is_empty_directory(txn, directory.inode)) return Errc::not_empty;
  if (find_entry(txn, {dir, component, false})) return {Errc::not_empty, "the directory has a value of its own"};
  if (holds_expired) {
    erase_expired(txn, **path);
    directory = *rows::load(txn.rows(), slot);
  }
  rows::erase_directory(txn, **path, directory);
  return {};
}

Result<void> remove_directory(WriteTxn& txn, DirId dir, std::string_view component) {
  if (auto done = rows::remove_empty_directory(txn, dir, component); !done) return done;
  rows::prune_implicit(txn, {dir, component, true});
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
}  // namespace kvfs
