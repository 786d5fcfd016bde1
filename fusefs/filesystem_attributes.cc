// Requests about attributes: getattr, setattr, statfs.
#include <sys/statvfs.h>

#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr uint64_t kUnlimitedFiles = uint64_t{1} << 32;  // what statfs says where no quota limits keys

}  // namespace

Result<Attributes> Filesystem::attributes(Inode inode) {
  if (is_control(inode)) {
    const auto st = control_attributes(inode);
    if (!st) return st.error();
    return Attributes{*st, is_in_subtree(inode) ? 0 : options_.attribute_timeout_s};
  }
  if (const auto removed = removed_nodes_.find(inode)) return Attributes{removed->st, 0};
  const auto found = read_in(inode, [&](const ReadTxn& txn) -> Result<Attributes> {
    const auto located = locate(txn, inode);
    if (!located) return located.error();
    const Node node = to_node(txn, located->entry, view_of(inode));
    return Attributes{node.attributes, node.attribute_timeout_s, located->entry.btime_ns};
  });
  if (found || found.error().code != Errc::stale) return found;
  { const std::unique_lock nobody_replaces(replacing_); }  // whoever does tells what is left of it when he is done
  if (const auto removed = removed_nodes_.find(inode)) return Attributes{removed->st, 0};
  return found;
}

Result<Attributes> Filesystem::set_attributes(Inode inode, const AttributeRequest& request, Caller caller) {
  if (is_control(inode)) return set_control_attributes(inode, request);
  if (auto live = check_live(inode); !live) return live.error();
  if (auto done = set_removed_attributes(inode, request)) return *done;
  const bool resizes = request.size.has_value();
  const OpenFiles::Acquired acquired =
      resizes ? open_files_.acquire(inode) : OpenFiles::Acquired{open_files_.find(inode), false};
  const std::shared_ptr<OpenFile>& file = acquired.file;
  Result<void> done;
  if (resizes) {
    const std::unique_lock lock(file->mutex);
    done = resize(*file, *request.size, caller);
    file->staged_by_none = file->staging;
    // Without a handle nobody would publish it later.
    if (done && acquired.first) done = publish(*file, false);
    if (!done && acquired.first) file->overlay.reset();
  }
  const bool others = request.mode || request.uid || request.gid || request.atime_ns || request.mtime_ns;
  const bool asks_nothing = !others && !resizes;
  const auto change_of = [&](const Entry& entry) {
    AttributeChange change{.mode = request.mode,
                           .uid = request.uid,
                           .gid = request.gid,
                           .atime_ns = request.atime_ns,
                           .mtime_ns = request.mtime_ns,
                           .expires_ms = {},
                           .default_ttl_ms = {},
                           .content_type = {},
                           .xattrs = {}};
    // Without anything to set it is chown(2) to -1 and -1.
    if ((request.uid || request.gid || asks_nothing) && !entry.is_directory() && !request.mode)
      change.mode = entry.mode & ~privileges_taken_by_chown(entry.mode, entry.gid, caller);
    change.keeps_version = request.atime_ns && !request.mode && !request.uid && !request.gid && !request.mtime_ns;
    return change;
  };
  if (done && (others || asks_nothing)) {
    std::unique_lock<std::shared_mutex> lock;
    if (file) lock = std::unique_lock(file->mutex);
    auto written = store_.write(
        [&](WriteTxn& txn) -> Result<std::pair<Version, Version>> {
          const auto located = locate(txn, inode);
          if (!located) return located.error();
          const Version before = located->entry.version;
          const AttributeChange change = change_of(located->entry);
          // The kernel asks for nothing also before a write that takes these bits away, and then whoever it is may do
          // so.
          const bool is_written = file && file->writers > 0;
          if (asks_nothing && !is_written && change.mode.value_or(located->entry.mode) != located->entry.mode &&
              caller.uid != 0 && caller.uid != to_node(txn, located->entry, view_of(inode)).attributes.st_uid)
            return Error{Errc::not_permitted, "only its owner takes setuid and setgid from a file by chown"};
          const auto entry = kvfs::set_attributes(txn, *located, change);
          if (!entry) return entry.error();
          return std::pair(before, entry->version);
        },
        write_options());
    if (!written) done = written.error();
    if (written && file && file->overlay.begun()) {
      if (file->base_version == written->first) file->base_version = written->second;
      if (request.mtime_ns) file->mtime_ns = request.mtime_ns;
      if (request.mode) {
        file->mode = *request.mode;
        file->clears_mode = 0;
      }
      if (request.gid) file->gid = *request.gid;
    }
    if (request.atime_ns) access_times_.drop(inode);
  }
  if (resizes) {
    const std::unique_lock lock(file->mutex);
    if (const auto gone = let_go(file); !gone.published && done) done = gone.published;
  }
  if (!done) return done.error();
  return attributes(inode);
}

Result<struct statvfs> Filesystem::statistics(Inode inode) {
  const DirId tenant = tenant_of(inode);
  constexpr uint64_t block = 4096;
  const Store::Usage usage = store_.usage(tenant);
  const SpaceUse disk = store_.engine().space();
  const uint64_t disk_free = disk.bytes_max > disk.bytes_used ? disk.bytes_max - disk.bytes_used : 0;
  struct statvfs st {};
  st.f_bsize = st.f_frsize = block;
  uint64_t free_bytes = disk_free;
  if (tenant != 0 && usage.quota_bytes != 0) {
    const uint64_t quota_left = usage.quota_bytes > usage.bytes ? usage.quota_bytes - usage.bytes : 0;
    free_bytes = std::min(disk_free, quota_left);
    st.f_blocks = usage.quota_bytes / block;
  } else {
    st.f_blocks = disk.bytes_max / block;
  }
  st.f_bfree = st.f_bavail = free_bytes / block;
  if (tenant != 0 && usage.quota_keys != 0) {
    st.f_files = usage.quota_keys;
    st.f_ffree = usage.quota_keys > usage.keys ? usage.quota_keys - usage.keys : 0;
  } else {
    st.f_files = usage.keys + kUnlimitedFiles;
    st.f_ffree = kUnlimitedFiles;
  }
  st.f_favail = st.f_ffree;
  st.f_namemax = kComponentBytesMax;
  return st;
}

}  // namespace kvfs
