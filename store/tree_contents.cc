// What a node of the tree has besides its name: attributes, value, type.
#include <fmt/format.h>

#include <algorithm>

#include "store/acl.h"
#include "store/privileges.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

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
    target.path = *dir_path(txn, kRootDir);
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
}  // namespace kvfs
