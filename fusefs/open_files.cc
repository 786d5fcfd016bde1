#include "fusefs/open_files.h"

#include <vector>

namespace kvfs {

OpenFiles::Acquired OpenFiles::acquire(Inode inode) {
  Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  auto at = s.files.find(inode);
  // Made first: where there is no memory for it, no entry without a file may stay.
  if (at == s.files.end())
    at = s.files.emplace(inode, std::make_shared<OpenFile>(inode, chunks_, limits_, gauge_)).first;
  return {at->second, at->second->handles++ == 0};
}

bool OpenFiles::release(const std::shared_ptr<OpenFile>& file) {
  Shard& s = shard(file->inode);
  const std::lock_guard lock(s.mutex);
  if (--file->handles > 0) return false;
  s.files.erase(file->inode);
  return true;
}

bool OpenFiles::is_only_handle(const OpenFile& file) const {
  const std::lock_guard lock(shard(file.inode).mutex);
  return file.handles == 1;
}

std::shared_ptr<OpenFile> OpenFiles::find(Inode inode) const {
  const Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto it = s.files.find(inode);
  return it == s.files.end() ? nullptr : it->second;
}

void OpenFiles::for_each(const std::function<void(const std::shared_ptr<OpenFile>&)>& visit) const {
  std::vector<std::shared_ptr<OpenFile>> files;
  for (const Shard& s : shards_) {
    files.clear();
    {
      const std::lock_guard lock(s.mutex);
      for (const auto& [inode, file] : s.files) files.push_back(file);
    }
    for (const auto& file : files) visit(file);
  }
}

}  // namespace kvfs
