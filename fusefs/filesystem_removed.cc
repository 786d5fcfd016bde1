// Requests about what was removed while somebody had it open in a way that the store does not know of, or was about to.
#include <fcntl.h>

#include "fusefs/attributes.h"
#include "fusefs/filesystem.h"
#include "fusefs/stored_xattrs.h"

namespace kvfs {

void Filesystem::note_removals(WriteTxn& txn, Removed& removed, bool keeps_values) const {
  removed.clear();  // the transaction may run again
  txn.witness_removals([this, &txn, &removed, keeps_values](const Entry& entry) {
    if (!nodes_.knows(entry.inode)) return;
    if (entry.nlink == 0) {
      removed.hold(entry.inode, {});
      removed.open.push_back(entry.inode);
      return;
    }
    // Nothing of it is staged: nobody has it open. Asking would wait for those who publish, who wait for us.
    RemovedNode node{to_stat(txn, entry), std::string(entry.xattrs), {}, {}};
    show_as_told(node.st);
    if (keeps_values && entry.kind == Kind::file && !entry.chunked && entry.type == ValueType::bytes)
      node.value = entry.inline_value;
    if (entry.kind == Kind::symlink) node.target = entry.inline_value;
    removed.gone.push_back(std::move(node));
  });
}

void Filesystem::keep_removed(Removed& removed) {
  for (RemovedNode& node : removed.gone) removed_nodes_.add(std::move(node));
  // Who has it open with O_PATH, too, may open it again after all others have closed it.
  for (const Inode inode : removed.open) {
    if (!held_nodes_.add(inode)) continue;
    store_.hold_inode(inode, {});
    const bool forgotten_meanwhile = !nodes_.knows(inode);
    if (forgotten_meanwhile && held_nodes_.drop(inode)) store_.release_inode(inode);
  }
}

std::optional<std::string> Filesystem::replaced_value(Inode inode) {
  { const std::unique_lock nobody_replaces(replacing_); }
  auto node = removed_nodes_.find(inode);
  return node ? std::move(node->value) : std::nullopt;
}

Result<OpenedFile> Filesystem::open_replaced(Inode inode, int flags) {
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) return Errc::stale;
  auto value = replaced_value(inode);
  if (!value) return Errc::stale;
  OpenedFile opened;
  opened.handle = std::make_unique<FileHandle>();
  opened.handle->flags = flags;
  opened.handle->control = std::make_unique<TextHandle>(std::move(*value), TextHandle::Take());
  opened.no_flush = true;
  return opened;
}

std::optional<Result<Attributes>> Filesystem::set_removed_attributes(Inode inode, const AttributeRequest& request) {
  if (request.size) return std::nullopt;  // its bytes are gone
  const auto change = [&](RemovedNode& node) {
    struct stat& st = node.st;
    if (request.mode) st.st_mode = (st.st_mode & S_IFMT) | (*request.mode & kModeMask);
    if (request.uid) st.st_uid = *request.uid;
    if (request.gid) st.st_gid = *request.gid;
    if (request.atime_ns) st.st_atim = to_timespec(*request.atime_ns);
    if (request.mtime_ns) st.st_mtim = to_timespec(*request.mtime_ns);
    st.st_ctim = to_timespec(static_cast<int64_t>(store_.options().clock_ns()));
  };
  if (!removed_nodes_.change(inode, change)) return std::nullopt;
  return attributes(inode);
}

std::optional<Result<std::string>> Filesystem::get_removed_xattr(Inode inode, std::string_view name) const {
  const auto node = removed_nodes_.find(inode);
  if (!node) return std::nullopt;
  const auto value = Xattrs::find(node->xattrs, name);
  return value ? Result<std::string>(std::string(*value)) : Errc::no_attribute;
}

std::optional<Result<std::string>> Filesystem::list_removed_xattrs(Inode inode, const Caller& caller) const {
  const auto node = removed_nodes_.find(inode);
  if (!node) return std::nullopt;
  return xattr_names(node->xattrs, caller);
}

std::optional<Result<void>> Filesystem::change_removed_xattrs(
    Inode inode, const std::function<Result<std::string>(std::string_view encoded)>& change) {
  Result<void> done;
  const auto change_node = [&](RemovedNode& node) {
    auto xattrs = change(node.xattrs);
    if (xattrs)
      node.xattrs = std::move(*xattrs);
    else
      done = xattrs.error();
  };
  if (!removed_nodes_.change(inode, change_node)) return std::nullopt;
  return done;
}

std::optional<Result<void>> Filesystem::set_removed_xattr(Inode inode, std::string_view name, std::string_view value,
                                                          int flags) {
  return change_removed_xattrs(inode, [&](std::string_view encoded) -> Result<std::string> {
    auto xattrs = with_xattr(encoded, name, value, flags);
    if (xattrs && xattrs->size() > kXattrsBytesMax) return Errc::no_space;
    return xattrs;
  });
}

std::optional<Result<void>> Filesystem::remove_removed_xattr(Inode inode, std::string_view name) {
  return change_removed_xattrs(inode, [&](std::string_view encoded) { return without_xattr(encoded, name); });
}

}  // namespace kvfs
