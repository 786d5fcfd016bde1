#include "fusefs/recent_publications.h"

#include "fusefs/attributes.h"

namespace kvfs {

void RecentPublications::add(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  by_inode_[entry.inode] = {entry.version,  entry.size,     entry.bytes_charged(),
                            entry.mtime_ns, entry.ctime_ns, entry.mode};
  order_.emplace_back(entry.inode, entry.version);
  if (order_.size() <= kKept) return;
  const auto [inode, version] = order_.front();
  order_.pop_front();
  const auto it = by_inode_.find(inode);
  if (it != by_inode_.end() && it->second.version == version) by_inode_.erase(it);
}

void RecentPublications::apply(Version version, struct stat& st) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_inode_.find(st.st_ino);
  if (it == by_inode_.end() || it->second.version <= version) return;
  const Published& published = it->second;
  st.st_size = static_cast<off_t>(published.size);
  st.st_blocks = static_cast<blkcnt_t>((published.bytes + 511) / 512);
  st.st_mtim = to_timespec(published.mtime_ns);
  st.st_ctim = to_timespec(published.ctime_ns);
  st.st_mode = (st.st_mode & S_IFMT) | (published.mode & kModeMask);
}

}  // namespace kvfs
