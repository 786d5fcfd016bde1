// Unpacks requests, calls the Filesystem, replies. No rules here; the only place that replies.
#include "fusefs/ops.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <linux/fs.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fusefs/attributes.h"
#include "fusefs/errno.h"
#include "fusefs/filesystem.h"
#include "fusefs/newer_requests.h"
#include "fusefs/ring_loop.h"

namespace kvfs {
namespace {

OpsContext& context_of(fuse_req_t req) { return *static_cast<OpsContext*>(fuse_req_userdata(req)); }
Filesystem& filesystem_of(fuse_req_t req) { return *context_of(req).filesystem; }

Caller caller_of(fuse_req_t req) {
  const fuse_ctx* context = fuse_req_ctx(req);
  return {context->uid, context->gid, context->pid, context->umask};
}

void fail(fuse_req_t req, const char* request, fuse_ino_t inode, const Error& error) {
  filesystem_of(req).note_error(request, error, inode, fuse_req_ctx(req)->uid);
  fuse_reply_err(req, to_errno(error.code));
}

/// Runs the body of a request. Nothing is thrown into C: damage is logged and answered with EIO.
template <class Body>
void answer(fuse_req_t req, const char* request, Body&& body) noexcept {
  const LatencyTimer timer(context_of(req).latencies.of(request));
  try {
    body(filesystem_of(req));
  } catch (const StoreException& failure) {
    spdlog::error("mount: {}: {}", request, failure.what());
    fuse_reply_err(req, to_errno(failure.error().code));
  } catch (const std::bad_alloc&) {
    spdlog::error("mount: {}: no memory", request);
    fuse_reply_err(req, ENOMEM);
  } catch (const std::exception& failure) {
    spdlog::error("mount: {}: {}", request, failure.what());
    fuse_reply_err(req, EIO);
  }
}

void reply(fuse_req_t req, const char* request, fuse_ino_t inode, const Result<void>& done) {
  if (!done) return fail(req, request, inode, done.error());
  fuse_reply_err(req, 0);
}

fuse_entry_param entry_of(const Node& node) {
  fuse_entry_param entry{};
  entry.ino = node.inode;
  entry.attr = node.attributes;
  entry.entry_timeout = node.entry_timeout_s;
  entry.attr_timeout = node.attribute_timeout_s;
  return entry;
}

void reply_node(fuse_req_t req, const char* request, fuse_ino_t parent, Filesystem& fs, const Result<Node>& node) {
  if (!node) return fail(req, request, parent, node.error());
  const fuse_entry_param entry = entry_of(*node);
  // The caller was interrupted and the kernel did not learn of the inode.
  if (fuse_reply_entry(req, &entry) == -ENOENT && node->inode != 0) fs.forget(node->inode, 1);
}

FileHandle& file_of(const fuse_file_info* info) { return HandleTable<FileHandle>::get(info->fh); }
DirectoryHandle& directory_of(const fuse_file_info* info) { return HandleTable<DirectoryHandle>::get(info->fh); }

void set_info(fuse_req_t req, fuse_file_info* info, OpenedFile& opened) {
  info->fh = context_of(req).files.add(std::move(opened.handle));
  info->direct_io = opened.direct_io;
  info->keep_cache = opened.keep_cache;
  info->noflush = opened.no_flush;
}

void op_init(void* user_data, fuse_conn_info* connection) {
  const auto want = [&](unsigned capability, bool on) {
    if (on)
      connection->want |= connection->capable & capability;
    else
      connection->want &= ~capability;
  };
  want(FUSE_CAP_WRITEBACK_CACHE, false);
  want(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE, false);
  want(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO, true);
  want(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS, true);
  want(FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPORT_SUPPORT, true);
  // The umask is ours to apply then: a default access control list takes its place.
  const bool acls = static_cast<OpsContext*>(user_data)->filesystem->offers_acls();
  want(FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK, acls);
  connection->max_background = 64;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  answer(req, "lookup", [&](Filesystem& fs) { reply_node(req, "lookup", parent, fs, fs.lookup(parent, name)); });
}

void op_forget(fuse_req_t req, fuse_ino_t inode, uint64_t lookups) {
  answer(req, "forget", [&](Filesystem& fs) {
    fs.forget(inode, lookups);
    fuse_reply_none(req);
  });
}

void op_forget_multi(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  answer(req, "forget", [&](Filesystem& fs) {
    for (size_t i = 0; i < count; i++) fs.forget(forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
  });
}

void reply_attributes(fuse_req_t req, const char* request, fuse_ino_t inode, const Result<Attributes>& attributes) {
  if (!attributes) return fail(req, request, inode, attributes.error());
  fuse_reply_attr(req, &attributes->stat, attributes->timeout_s);
}

void op_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  answer(req, "getattr", [&](Filesystem& fs) {
    const auto attributes = fs.attributes(inode);
    if (!attributes || info == nullptr || info->fh != kStatxHandle)
      return reply_attributes(req, "getattr", inode, attributes);
    const StatxReply statx = statx_reply(*attributes);
    fuse_reply_buf(req, reinterpret_cast<const char*>(&statx), sizeof statx);
  });
}

void op_setattr(fuse_req_t req, fuse_ino_t inode, struct stat* attributes, int to_set, fuse_file_info*) {
  answer(req, "setattr", [&](Filesystem& fs) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    AttributeRequest request;
    if ((to_set & FUSE_SET_ATTR_MODE) != 0) request.mode = attributes->st_mode & 07777;
    if ((to_set & FUSE_SET_ATTR_UID) != 0) request.uid = attributes->st_uid;
    if ((to_set & FUSE_SET_ATTR_GID) != 0) request.gid = attributes->st_gid;
    if ((to_set & FUSE_SET_ATTR_SIZE) != 0) request.size = static_cast<uint64_t>(attributes->st_size);
    if ((to_set & FUSE_SET_ATTR_ATIME) != 0) request.atime_ns = to_ns(attributes->st_atim);
    if ((to_set & FUSE_SET_ATTR_MTIME) != 0) request.mtime_ns = to_ns(attributes->st_mtim);
    if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) request.atime_ns = to_ns(now);
    if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) request.mtime_ns = to_ns(now);
    reply_attributes(req, "setattr", inode, fs.set_attributes(inode, request, caller_of(req)));
  });
}

void op_readlink(fuse_req_t req, fuse_ino_t inode) {
  answer(req, "readlink", [&](Filesystem& fs) {
    const auto target = fs.read_symlink(inode);
    if (!target) return fail(req, "readlink", inode, target.error());
    fuse_reply_readlink(req, target->c_str());
  });
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
  answer(req, "mknod", [&](Filesystem& fs) {
    reply_node(req, "mknod", parent, fs, fs.make_special(parent, name, mode, rdev, caller_of(req)));
  });
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  answer(req, "mkdir", [&](Filesystem& fs) {
    reply_node(req, "mkdir", parent, fs, fs.make_directory(parent, name, mode, caller_of(req)));
  });
}

void op_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  answer(req, "symlink", [&](Filesystem& fs) {
    reply_node(req, "symlink", parent, fs, fs.make_symlink(parent, name, target, caller_of(req)));
  });
}

void op_link(fuse_req_t req, fuse_ino_t inode, fuse_ino_t new_parent, const char* new_name) {
  answer(req, "link",
         [&](Filesystem& fs) { reply_node(req, "link", new_parent, fs, fs.make_link(inode, new_parent, new_name)); });
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  answer(req, "unlink", [&](Filesystem& fs) { reply(req, "unlink", parent, fs.unlink(parent, name)); });
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  answer(req, "rmdir", [&](Filesystem& fs) { reply(req, "rmdir", parent, fs.remove_directory(parent, name)); });
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
               unsigned flags) {
  answer(req, "rename", [&](Filesystem& fs) {
    const Caller caller = caller_of(req);
    const bool whiteout = (flags & RENAME_WHITEOUT) != 0;
    const unsigned rest = flags & ~unsigned{RENAME_WHITEOUT};
    RenameFlag flag = RenameFlag::none;
    if (rest == RENAME_NOREPLACE)
      flag = RenameFlag::no_replace;
    else if (rest == RENAME_EXCHANGE && !whiteout)
      flag = RenameFlag::exchange;
    else if (rest != 0)
      return fail(req, "rename", parent, {Errc::invalid, "rename: unknown flags"});
    reply(req, "rename", parent, fs.rename(parent, name, new_parent, new_name, flag, whiteout ? &caller : nullptr));
  });
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
  answer(req, "create", [&](Filesystem& fs) {
    auto created = name == kUnnamedFile ? fs.create_unnamed(parent, mode, info->flags, caller_of(req))
                                        : fs.create(parent, name, mode, info->flags, caller_of(req));
    if (!created) return fail(req, "create", parent, created.error());
    const fuse_entry_param entry = entry_of(created->node);
    set_info(req, info, created->opened);
    OpsContext& context = context_of(req);  // the request is gone once it is answered
    if (fuse_reply_create(req, &entry, info) == -ENOENT) {
      fs.release(context.files.take(info->fh));
      fs.forget(created->node.inode, 1);
    }
  });
}

void op_open(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  answer(req, "open", [&](Filesystem& fs) {
    auto opened = fs.open(inode, info->flags, caller_of(req));
    if (!opened && opened.error().code == Errc::busy) {  // a running program
      fuse_reply_err(req, ETXTBSY);
      return;
    }
    if (!opened) return fail(req, "open", inode, opened.error());
    set_info(req, info, *opened);
    OpsContext& context = context_of(req);
    if (fuse_reply_open(req, info) == -ENOENT) fs.release(context.files.take(info->fh));
  });
}

void op_release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  answer(req, "release", [&](Filesystem& fs) {
    fs.release(context_of(req).files.take(info->fh));
    fuse_reply_err(req, 0);
  });
}

/// Where the reply to a request is made that carried nothing behind its parameters: where the kernel takes it from, or
/// the thread's buffer, which grows to the largest one (max_write, max_readahead).
char* reply_buffer(size_t bytes) {
  if (const auto room = RingLoop::reply_room(); room.size() >= bytes) return room.data();
  thread_local std::vector<char> buffer;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return buffer.data();
}

void op_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* info) {
  answer(req, "read", [&](Filesystem& fs) {
    char* const buffer = reply_buffer(size);
    const auto got = fs.read(file_of(info), static_cast<uint64_t>(offset), size, buffer);
    if (!got) return fail(req, "read", inode, got.error());
    fuse_reply_buf(req, buffer, *got);
  });
}

void op_write(fuse_req_t req, fuse_ino_t inode, const char* bytes, size_t size, off_t offset, fuse_file_info* info) {
  answer(req, "write", [&](Filesystem& fs) {
    const Writing writing = info->writepage != 0            ? Writing::from_mapping
                            : (info->flags & O_APPEND) != 0 ? Writing::at_end
                                                            : Writing::at_offset;
    const auto written = fs.write(file_of(info), static_cast<uint64_t>(offset), {bytes, size}, caller_of(req), writing);
    if (!written) return fail(req, "write", inode, written.error());
    fuse_reply_write(req, *written);
  });
}

void op_flush(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  answer(req, "close", [&](Filesystem& fs) { reply(req, "close", inode, fs.flush(file_of(info))); });
}

void op_fsync(fuse_req_t req, fuse_ino_t inode, int, fuse_file_info* info) {
  answer(req, "fsync", [&](Filesystem& fs) { reply(req, "fsync", inode, fs.sync(file_of(info))); });
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t inode, int, fuse_file_info*) {
  answer(req, "fsync", [&](Filesystem& fs) { reply(req, "fsync", inode, fs.sync_all()); });
}

void op_fallocate(fuse_req_t req, fuse_ino_t inode, int mode, off_t offset, off_t length, fuse_file_info* info) {
  answer(req, "fallocate", [&](Filesystem& fs) {
    reply(
        req, "fallocate", inode,
        fs.allocate(file_of(info), mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(length), caller_of(req)));
  });
}

void op_lseek(fuse_req_t req, fuse_ino_t inode, off_t offset, int whence, fuse_file_info* info) {
  answer(req, "lseek", [&](Filesystem& fs) {
    const auto at = fs.seek(file_of(info), static_cast<uint64_t>(offset), whence);
    if (!at) return fail(req, "lseek", inode, at.error());
    fuse_reply_lseek(req, static_cast<off_t>(*at));
  });
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from_offset, fuse_file_info* from, fuse_ino_t inode,
                        off_t to_offset, fuse_file_info* to, size_t length, int) {
  answer(req, "copy_file_range", [&](Filesystem& fs) {
    const auto copied = fs.copy_range(file_of(from), static_cast<uint64_t>(from_offset), file_of(to),
                                      static_cast<uint64_t>(to_offset), length, caller_of(req));
    if (!copied) return fail(req, "copy_file_range", inode, copied.error());
    fuse_reply_write(req, *copied);
  });
}

void op_opendir(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  answer(req, "opendir", [&](Filesystem& fs) {
    auto opened = fs.open_directory(inode);
    if (!opened) return fail(req, "opendir", inode, opened.error());
    OpsContext& context = context_of(req);
    info->fh = context.directories.add(std::move(*opened));
    info->keep_cache = 1;
    info->cache_readdir = 1;
    if (fuse_reply_open(req, info) == -ENOENT) context.directories.take(info->fh);
  });
}

void op_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  answer(req, "releasedir", [&](Filesystem&) {
    context_of(req).directories.take(info->fh);
    fuse_reply_err(req, 0);
  });
}

void read_directory(fuse_req_t req, const char* request, fuse_ino_t inode, size_t size, off_t offset,
                    fuse_file_info* info, bool plus) {
  answer(req, request, [&](Filesystem& fs) {
    char* const buffer = reply_buffer(size);
    size_t used = 0;
    std::string terminated;
    const auto sink = [&](std::string_view name, const Node& node, uint64_t next) {
      terminated = name;
      char* const at = buffer + used;
      const size_t room = size - used;
      size_t bytes = 0;
      if (plus) {
        fuse_entry_param entry = entry_of(node);
        if (name == "." || name == "..") entry.ino = 0;  // not looked up by this
        bytes = fuse_add_direntry_plus(req, at, room, terminated.c_str(), &entry, static_cast<off_t>(next));
      } else {
        bytes = fuse_add_direntry(req, at, room, terminated.c_str(), &node.attributes, static_cast<off_t>(next));
      }
      if (bytes > room) return false;
      used += bytes;
      return true;
    };
    const auto done = fs.read_directory(directory_of(info), static_cast<uint64_t>(offset), plus, sink);
    if (!done && used == 0) return fail(req, request, inode, done.error());
    fuse_reply_buf(req, buffer, used);
  });
}

void op_readdir(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* info) {
  read_directory(req, "readdir", inode, size, offset, info, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* info) {
  read_directory(req, "readdir", inode, size, offset, info, true);
}

void op_statfs(fuse_req_t req, fuse_ino_t inode) {
  answer(req, "statfs", [&](Filesystem& fs) {
    const auto statistics = fs.statistics(inode);
    if (!statistics) return fail(req, "statfs", inode, statistics.error());
    fuse_reply_statfs(req, &*statistics);
  });
}

/// Replies as getxattr(2) and listxattr(2) do: with the length alone where `size` is 0.
void reply_text(fuse_req_t req, const char* request, fuse_ino_t inode, const Result<std::string>& text, size_t size) {
  if (!text) return fail(req, request, inode, text.error());
  if (size == 0)
    fuse_reply_xattr(req, text->size());
  else if (size < text->size())
    fuse_reply_err(req, ERANGE);
  else
    fuse_reply_buf(req, text->data(), text->size());
}

void op_getxattr(fuse_req_t req, fuse_ino_t inode, const char* name, size_t size) {
  answer(req, "getxattr", [&](Filesystem& fs) { reply_text(req, "getxattr", inode, fs.get_xattr(inode, name), size); });
}

void op_listxattr(fuse_req_t req, fuse_ino_t inode, size_t size) {
  answer(req, "listxattr",
         [&](Filesystem& fs) { reply_text(req, "listxattr", inode, fs.list_xattrs(inode, caller_of(req)), size); });
}

void op_setxattr(fuse_req_t req, fuse_ino_t inode, const char* name, const char* value, size_t size, int flags) {
  answer(req, "setxattr", [&](Filesystem& fs) {
    reply(req, "setxattr", inode, fs.set_xattr(inode, name, {value, size}, flags, caller_of(req)));
  });
}

void op_removexattr(fuse_req_t req, fuse_ino_t inode, const char* name) {
  answer(req, "removexattr", [&](Filesystem& fs) { reply(req, "removexattr", inode, fs.remove_xattr(inode, name)); });
}

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops ops{};
  ops.init = op_init;
  ops.lookup = op_lookup;
  ops.forget = op_forget;
  ops.forget_multi = op_forget_multi;
  ops.getattr = op_getattr;
  ops.setattr = op_setattr;
  ops.readlink = op_readlink;
  ops.mknod = op_mknod;
  ops.mkdir = op_mkdir;
  ops.symlink = op_symlink;
  ops.link = op_link;
  ops.unlink = op_unlink;
  ops.rmdir = op_rmdir;
  ops.rename = op_rename;
  ops.create = op_create;
  ops.open = op_open;
  ops.release = op_release;
  ops.read = op_read;
  ops.write = op_write;
  ops.flush = op_flush;
  ops.fsync = op_fsync;
  ops.fsyncdir = op_fsyncdir;
  ops.fallocate = op_fallocate;
  ops.lseek = op_lseek;
  ops.copy_file_range = op_copy_file_range;
  ops.opendir = op_opendir;
  ops.releasedir = op_releasedir;
  ops.readdir = op_readdir;
  ops.readdirplus = op_readdirplus;
  ops.statfs = op_statfs;
  ops.getxattr = op_getxattr;
  ops.listxattr = op_listxattr;
  ops.setxattr = op_setxattr;
  ops.removexattr = op_removexattr;
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& session_operations() {
  static const fuse_lowlevel_ops operations = make_operations();
  return operations;
}

}  // namespace kvfs
