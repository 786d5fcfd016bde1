// memfs: an in-memory file system on libfuse's low-level API, the limit that FUSE sets on this machine. For comparison
// in benchmarks only: one lock, no permissions, no extended attributes, nothing survives the unmount.
// usage: memfs [-f] [-s] MOUNTPOINT
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr double kCacheSeconds = 86'400;  // nothing changes but through the mount

struct Node {
  struct stat attributes {};
  std::string data;                           // a file's bytes, a symlink's target
  std::map<std::string, fuse_ino_t> entries;  // of a directory
  fuse_ino_t parent = 0;
  uint64_t lookups = 0;
};

std::mutex mutex;  // guards everything below
std::unordered_map<fuse_ino_t, Node> nodes;
fuse_ino_t next_inode = FUSE_ROOT_ID + 1;

timespec now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

Node& node_of(fuse_ino_t inode) { return nodes.at(inode); }

Node* child_of(fuse_ino_t parent, const char* name, fuse_ino_t& inode) {
  const auto& entries = node_of(parent).entries;
  const auto found = entries.find(name);
  if (found == entries.end()) return nullptr;
  inode = found->second;
  return &node_of(inode);
}

void touch(Node& node) { node.attributes.st_mtim = node.attributes.st_ctim = now(); }

void set_size(Node& node) {
  node.attributes.st_size = static_cast<off_t>(node.data.size());
  node.attributes.st_blocks = (node.attributes.st_size + 511) / 512;
}

Node& make_node(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_ino_t& inode) {
  inode = next_inode++;
  Node& node = nodes[inode];
  const fuse_ctx* caller = fuse_req_ctx(req);
  node.attributes.st_ino = inode;
  node.attributes.st_mode = mode & ~caller->umask;
  node.attributes.st_uid = caller->uid;
  node.attributes.st_gid = caller->gid;
  node.attributes.st_nlink = S_ISDIR(mode) ? 2 : 1;
  node.attributes.st_atim = now();
  node.parent = parent;
  touch(node);
  Node& directory = node_of(parent);
  directory.entries[name] = inode;
  if (S_ISDIR(mode)) ++directory.attributes.st_nlink;
  touch(directory);
  return node;
}

fuse_entry_param entry_of(fuse_ino_t inode, Node& node) {
  ++node.lookups;
  fuse_entry_param entry{};
  entry.ino = inode;
  entry.attr = node.attributes;
  entry.attr_timeout = entry.entry_timeout = kCacheSeconds;
  return entry;
}

void drop_if_unused(fuse_ino_t inode) {
  const auto found = nodes.find(inode);
  if (found != nodes.end() && found->second.lookups == 0 && found->second.attributes.st_nlink == 0) nodes.erase(found);
}

void on_init(void*, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                                             FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ATOMIC_O_TRUNC);
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_WRITEBACK_CACHE);
}

void on_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  std::unique_lock lock(mutex);
  fuse_entry_param entry{};
  fuse_ino_t inode = 0;
  if (Node* node = child_of(parent, name, inode)) {
    entry = entry_of(inode, *node);
  } else {
    entry.entry_timeout = kCacheSeconds;  // absence is cached, too
  }
  lock.unlock();
  fuse_reply_entry(req, &entry);
}

void forget(fuse_ino_t inode, uint64_t count) {
  const auto found = nodes.find(inode);
  if (found == nodes.end()) return;
  found->second.lookups -= std::min(count, found->second.lookups);
  drop_if_unused(inode);
}

void on_forget(fuse_req_t req, fuse_ino_t inode, uint64_t count) {
  {
    const std::lock_guard lock(mutex);
    forget(inode, count);
  }
  fuse_reply_none(req);
}

void on_forget_multi(fuse_req_t req, size_t count, fuse_forget_data* all) {
  {
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < count; ++i) forget(all[i].ino, all[i].nlookup);
  }
  fuse_reply_none(req);
}

void on_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info*) {
  std::unique_lock lock(mutex);
  const struct stat attributes = node_of(inode).attributes;
  lock.unlock();
  fuse_reply_attr(req, &attributes, kCacheSeconds);
}

void on_setattr(fuse_req_t req, fuse_ino_t inode, struct stat* wanted, int which, fuse_file_info*) {
  std::unique_lock lock(mutex);
  Node& node = node_of(inode);
  struct stat& attributes = node.attributes;
  if (which & FUSE_SET_ATTR_MODE) attributes.st_mode = (attributes.st_mode & S_IFMT) | (wanted->st_mode & 07777);
  if (which & FUSE_SET_ATTR_UID) attributes.st_uid = wanted->st_uid;
  if (which & FUSE_SET_ATTR_GID) attributes.st_gid = wanted->st_gid;
  if (which & FUSE_SET_ATTR_SIZE) {
    node.data.resize(static_cast<size_t>(wanted->st_size));
    set_size(node);
    touch(node);
  }
  if (which & FUSE_SET_ATTR_ATIME) attributes.st_atim = which & FUSE_SET_ATTR_ATIME_NOW ? now() : wanted->st_atim;
  if (which & FUSE_SET_ATTR_MTIME) attributes.st_mtim = which & FUSE_SET_ATTR_MTIME_NOW ? now() : wanted->st_mtim;
  attributes.st_ctim = now();
  const struct stat result = attributes;
  lock.unlock();
  fuse_reply_attr(req, &result, kCacheSeconds);
}

void reply_new_node(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, const char* target) {
  std::unique_lock lock(mutex);
  fuse_ino_t inode = 0;
  if (child_of(parent, name, inode) != nullptr) {
    lock.unlock();
    fuse_reply_err(req, EEXIST);
    return;
  }
  Node& node = make_node(req, parent, name, mode, inode);
  node.data = target;
  set_size(node);
  const fuse_entry_param entry = entry_of(inode, node);
  lock.unlock();
  fuse_reply_entry(req, &entry);
}

void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  reply_new_node(req, parent, name, mode, "");
}
void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  reply_new_node(req, parent, name, mode | S_IFDIR, "");
}
void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  reply_new_node(req, parent, name, S_IFLNK | 0777, target);
}

void on_readlink(fuse_req_t req, fuse_ino_t inode) {
  std::unique_lock lock(mutex);
  const std::string target = node_of(inode).data;
  lock.unlock();
  fuse_reply_readlink(req, target.c_str());
}

void on_link(fuse_req_t req, fuse_ino_t inode, fuse_ino_t parent, const char* name) {
  std::unique_lock lock(mutex);
  Node& node = node_of(inode);
  ++node.attributes.st_nlink;
  node.attributes.st_ctim = now();
  node_of(parent).entries[name] = inode;
  touch(node_of(parent));
  const fuse_entry_param entry = entry_of(inode, node);
  lock.unlock();
  fuse_reply_entry(req, &entry);
}

/// Takes a name away. REQUIRES: it is there.
void remove_name(fuse_ino_t parent, const char* name) {
  Node& directory = node_of(parent);
  const auto entry = directory.entries.find(name);
  const fuse_ino_t inode = entry->second;
  directory.entries.erase(entry);
  touch(directory);
  Node& node = node_of(inode);
  if (S_ISDIR(node.attributes.st_mode)) {
    node.attributes.st_nlink = 0;
    --directory.attributes.st_nlink;
  } else {
    --node.attributes.st_nlink;
  }
  node.attributes.st_ctim = now();
  drop_if_unused(inode);
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  int error = 0;
  {
    const std::lock_guard lock(mutex);
    fuse_ino_t inode = 0;
    if (child_of(parent, name, inode) == nullptr) {
      error = ENOENT;
    } else {
      remove_name(parent, name);
    }
  }
  fuse_reply_err(req, error);
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  int error = 0;
  {
    const std::lock_guard lock(mutex);
    fuse_ino_t inode = 0;
    const Node* node = child_of(parent, name, inode);
    if (node == nullptr) {
      error = ENOENT;
    } else if (!node->entries.empty()) {
      error = ENOTEMPTY;
    } else {
      remove_name(parent, name);
    }
  }
  fuse_reply_err(req, error);
}

int rename_locked(fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name) {
  fuse_ino_t inode = 0;
  Node* node = child_of(parent, name, inode);
  if (node == nullptr) return ENOENT;
  fuse_ino_t replaced = 0;
  if (const Node* target = child_of(new_parent, new_name, replaced); target != nullptr && replaced != inode) {
    if (!target->entries.empty()) return ENOTEMPTY;
    remove_name(new_parent, new_name);
  }
  node_of(parent).entries.erase(name);
  node_of(new_parent).entries[new_name] = inode;
  if (S_ISDIR(node->attributes.st_mode)) {
    --node_of(parent).attributes.st_nlink;
    ++node_of(new_parent).attributes.st_nlink;
  }
  node->parent = new_parent;
  node->attributes.st_ctim = now();
  touch(node_of(parent));
  touch(node_of(new_parent));
  return 0;
}

void on_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
               unsigned flags) {
  int error = EINVAL;
  if (flags == 0) {
    const std::lock_guard lock(mutex);
    error = rename_locked(parent, name, new_parent, new_name);
  }
  fuse_reply_err(req, error);
}

void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* file) {
  std::unique_lock lock(mutex);
  fuse_ino_t inode = 0;
  Node* node = child_of(parent, name, inode);
  if (node == nullptr) node = &make_node(req, parent, name, mode | S_IFREG, inode);
  const fuse_entry_param entry = entry_of(inode, *node);
  lock.unlock();
  file->keep_cache = 1;
  fuse_reply_create(req, &entry, file);
}

void on_open(fuse_req_t req, fuse_ino_t inode, fuse_file_info* file) {
  if (file->flags & O_TRUNC) {
    const std::lock_guard lock(mutex);
    Node& node = node_of(inode);
    node.data.clear();
    set_size(node);
    touch(node);
  }
  file->keep_cache = 1;
  if ((file->flags & O_ACCMODE) == O_RDONLY) file->noflush = 1;
  fuse_reply_open(req, file);
}

void on_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) {
  std::unique_lock lock(mutex);
  const std::string& data = node_of(inode).data;
  const size_t at = std::min(static_cast<size_t>(offset), data.size());
  const std::string part = data.substr(at, size);
  lock.unlock();
  fuse_reply_buf(req, part.data(), part.size());
}

void on_write(fuse_req_t req, fuse_ino_t inode, const char* bytes, size_t size, off_t offset, fuse_file_info*) {
  {
    const std::lock_guard lock(mutex);
    Node& node = node_of(inode);
    const size_t end = static_cast<size_t>(offset) + size;
    if (node.data.size() < end) node.data.resize(end);
    ::memcpy(node.data.data() + offset, bytes, size);
    set_size(node);
    touch(node);
  }
  fuse_reply_write(req, size);
}

void on_nothing(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }
void on_fsync(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(req, 0); }

using Listing = std::vector<std::pair<std::string, fuse_ino_t>>;

void on_opendir(fuse_req_t req, fuse_ino_t inode, fuse_file_info* file) {
  auto listing = std::make_unique<Listing>();
  {
    const std::lock_guard lock(mutex);
    const Node& node = node_of(inode);
    listing->reserve(node.entries.size() + 2);
    listing->emplace_back(".", inode);
    listing->emplace_back("..", node.parent);
    for (const auto& entry : node.entries) listing->push_back(entry);
  }
  file->fh = reinterpret_cast<uint64_t>(listing.release());
  file->cache_readdir = 1;
  file->keep_cache = 1;
  fuse_reply_open(req, file);
}

void reply_listing(fuse_req_t req, size_t size, off_t offset, fuse_file_info* file, bool plus) {
  const Listing& listing = *reinterpret_cast<const Listing*>(file->fh);
  std::vector<char> buffer(size);
  size_t used = 0;
  std::unique_lock lock(mutex);
  for (size_t i = static_cast<size_t>(offset); i < listing.size(); ++i) {
    const auto& [name, inode] = listing[i];
    const auto found = nodes.find(inode);
    fuse_entry_param entry{};
    entry.attr.st_ino = inode;
    if (found != nodes.end()) entry.attr = found->second.attributes;
    const auto next = static_cast<off_t>(i + 1);
    size_t length = 0;
    if (plus) {
      entry.attr_timeout = entry.entry_timeout = kCacheSeconds;
      const bool counted = i >= 2 && found != nodes.end();  // "." and ".." are not looked up
      entry.ino = counted ? inode : 0;
      length = fuse_add_direntry_plus(req, buffer.data() + used, size - used, name.c_str(), &entry, next);
      if (used + length > size) break;
      if (counted) ++found->second.lookups;
    } else {
      length = fuse_add_direntry(req, buffer.data() + used, size - used, name.c_str(), &entry.attr, next);
      if (used + length > size) break;
    }
    used += length;
  }
  lock.unlock();
  fuse_reply_buf(req, buffer.data(), used);
}

void on_readdir(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* file) {
  reply_listing(req, size, offset, file, false);
}
void on_readdirplus(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* file) {
  reply_listing(req, size, offset, file, true);
}
void on_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* file) {
  delete reinterpret_cast<Listing*>(file->fh);
  fuse_reply_err(req, 0);
}

void on_statfs(fuse_req_t req, fuse_ino_t) {
  struct statvfs status {};
  status.f_bsize = status.f_frsize = 4096;
  status.f_blocks = status.f_bfree = status.f_bavail = uint64_t{1} << 28;
  status.f_namemax = 255;
  fuse_reply_statfs(req, &status);
}

// EOPNOTSUPP makes ls stop asking; ENOSYS would make the kernel stop, which a real file system cannot answer.
void on_getxattr(fuse_req_t req, fuse_ino_t, const char*, size_t) { fuse_reply_err(req, EOPNOTSUPP); }
void on_listxattr(fuse_req_t req, fuse_ino_t, size_t) { fuse_reply_err(req, EOPNOTSUPP); }

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.init = on_init;
  ops.lookup = on_lookup;
  ops.forget = on_forget;
  ops.forget_multi = on_forget_multi;
  ops.getattr = on_getattr;
  ops.setattr = on_setattr;
  ops.readlink = on_readlink;
  ops.mknod = on_mknod;
  ops.mkdir = on_mkdir;
  ops.unlink = on_unlink;
  ops.rmdir = on_rmdir;
  ops.symlink = on_symlink;
  ops.rename = on_rename;
  ops.link = on_link;
  ops.open = on_open;
  ops.read = on_read;
  ops.write = on_write;
  ops.flush = on_nothing;
  ops.release = on_nothing;
  ops.fsync = on_fsync;
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.readdirplus = on_readdirplus;
  ops.releasedir = on_releasedir;
  ops.statfs = on_statfs;
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
  ops.create = on_create;
  return ops;
}

void make_root() {
  Node& root = nodes[FUSE_ROOT_ID];
  root.attributes.st_ino = FUSE_ROOT_ID;
  root.attributes.st_mode = S_IFDIR | 0755;
  root.attributes.st_nlink = 2;
  root.parent = FUSE_ROOT_ID;
  root.lookups = 1;
  touch(root);
}

}  // namespace

int main(int argc, char** argv) {
  fuse_args args = FUSE_ARGS_INIT(argc, argv);
  fuse_cmdline_opts options{};
  if (fuse_parse_cmdline(&args, &options) != 0 || options.mountpoint == nullptr) {
    fprintf(stderr, "usage: memfs [-f] [-s] MOUNTPOINT\n");
    return 2;
  }
  make_root();
  const fuse_lowlevel_ops ops = operations();
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, nullptr);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0 ||
      fuse_session_mount(session, options.mountpoint) != 0)
    return 1;
  fuse_daemonize(options.foreground);
  const int result = options.singlethread ? fuse_session_loop(session) : fuse_session_loop_mt(session, nullptr);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  ::free(options.mountpoint);
  fuse_opt_free_args(&args);
  return result == 0 ? 0 : 1;
}
