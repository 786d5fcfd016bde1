#include "fusefs/control_dir.h"

#include <ctime>
#include <utility>

namespace kvfs {
namespace {

timespec now() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return t;
}

DirId tenant_of(Inode inode) {
  const DirId parent = ControlDir::parent_of(inode);
  return parent == kRootDir ? 0 : parent;
}

}  // namespace

ControlDir::ControlDir(std::vector<ControlFile> files) : files_(std::move(files)), made_(now()) {}

const ControlFile* ControlDir::find(Inode inode) const {
  const size_t number = inode & 0xff;
  if (!is_control(inode) || number == 0 || number > files_.size()) return nullptr;
  const ControlFile& file = files_[number - 1];
  return tenant_of(inode) == 0 || file.in_tenants ? &file : nullptr;
}

Result<Inode> ControlDir::lookup(Inode directory, std::string_view name) const {
  if (is_snapshots(directory)) return Errc::not_found;
  if (name == kSnapshotsDirName) return directory | kSnapshotsNumber;
  for (size_t i = 0; i < files_.size(); i++)
    if (files_[i].name == name && find(directory | (i + 1))) return directory | (i + 1);
  return Errc::not_found;
}

Result<struct stat> ControlDir::attributes(Inode inode) const {
  struct stat st {};
  st.st_ino = inode;
  st.st_blksize = 4096;
  st.st_atim = st.st_mtim = st.st_ctim = made_;
  if (is_directory(inode)) {
    st.st_mode = S_IFDIR | (is_snapshots(inode) ? 0755 : 0555);
    st.st_nlink = 2;
    return st;
  }
  const ControlFile* file = find(inode);
  if (!file) return Errc::stale;
  st.st_mode = S_IFREG | (file->write ? 0644 : 0444);
  st.st_nlink = 1;
  return st;
}

Result<std::string> ControlDir::read(Inode inode, const Caller& reader) const {
  if (is_directory(inode)) return Errc::is_directory;
  const ControlFile* file = find(inode);
  if (!file) return Errc::stale;
  return file->read ? file->read(tenant_of(inode), reader) : std::string();
}

Result<void> ControlDir::write(Inode inode, std::string_view text) const {
  const ControlFile* file = find(inode);
  if (!file) return Errc::stale;
  if (!file->write) return Error{Errc::not_permitted, ".kvfs/" + file->name + " is read-only"};
  return file->write(tenant_of(inode), text);
}

bool ControlDir::writable(Inode inode) const {
  const ControlFile* file = find(inode);
  return file && file->write;
}

std::vector<ControlDir::Listed> ControlDir::list(Inode directory) const {
  std::vector<Listed> listed;
  if (is_snapshots(directory)) return listed;
  listed.push_back({kSnapshotsDirName, directory | kSnapshotsNumber});
  for (size_t i = 0; i < files_.size(); i++)
    if (find(directory | (i + 1))) listed.push_back({files_[i].name, directory | (i + 1)});
  return listed;
}

}  // namespace kvfs
