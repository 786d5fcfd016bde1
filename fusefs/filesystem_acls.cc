// Access control lists as the kernel sets them. What they mean for modes and new files is the store's (acl.h).
#include <sys/stat.h>
#include <sys/xattr.h>

#include "fusefs/filesystem.h"
#include "store/acl.h"

namespace kvfs {

Result<void> Filesystem::set_acl(Inode inode, std::string_view name, std::string_view value, int flags, Caller caller) {
  const auto file = open_files_.find(inode);
  std::unique_lock<std::shared_mutex> lock;
  if (file) lock = std::unique_lock(file->mutex);
  Version before = 0;
  const auto changed = store_.write(
      [&](WriteTxn& txn) -> Result<std::pair<Version, uint32_t>> {
        const auto located = locate(txn, inode);
        if (!located) return located.error();
        const Entry& entry = located->entry;
        before = entry.version;
        const bool present = Xattrs::find(entry.xattrs, name).has_value();
        if (present && (flags & XATTR_CREATE) != 0) return Errc::exists;
        if (!present && (flags & XATTR_REPLACE) != 0) return Errc::no_attribute;
        if (!present && value.empty()) return std::pair(before, entry.mode);
        // As chmod(2) does: who is not of the group cannot keep the bit that gives its rights away.
        const bool keeps_group = caller.uid == 0 || is_in_group(caller, entry.gid);
        const auto done = kvfs::set_acl(txn, *located, name, value, keeps_group ? 0 : S_ISGID);
        if (!done) return done.error();
        return std::pair(done->version, done->mode);
      },
      write_options());
  if (!changed) return changed.error();
  if (file && file->overlay.begun()) {
    if (file->base_version == before) file->base_version = changed->first;
    file->mode = changed->second;
  }
  return {};
}

}  // namespace kvfs
