#include "fusefs/newer_requests.h"

#include <linux/fuse.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "fusefs/attributes.h"
#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr uint32_t kTmpfile = 51;
constexpr uint32_t kStatx = 52;

StatxReply::Time time_of(const timespec& time) { return {time.tv_sec, static_cast<uint32_t>(time.tv_nsec), 0}; }

}  // namespace

void translate_newer_request(void* request, size_t bytes) {
  fuse_in_header header;
  if (bytes < sizeof header) return;
  std::memcpy(&header, request, sizeof header);
  if (header.opcode == kTmpfile) {
    header.opcode = FUSE_CREATE;
  } else if (header.opcode == kStatx && bytes >= sizeof header + sizeof(fuse_getattr_in)) {
    header.opcode = FUSE_GETATTR;
    fuse_getattr_in body{};  // a STATX begins with the same fields
    body.getattr_flags = FUSE_GETATTR_FH;
    body.fh = kStatxHandle;
    std::memcpy(static_cast<char*>(request) + sizeof header, &body, sizeof body);
  } else {
    return;
  }
  std::memcpy(request, &header, sizeof header);
}

StatxReply statx_reply(const Attributes& attributes) {
  const struct stat& st = attributes.stat;
  StatxReply reply{};
  reply.valid_seconds = static_cast<uint64_t>(attributes.timeout_s);
  reply.valid_nanoseconds =
      static_cast<uint32_t>((attributes.timeout_s - static_cast<double>(reply.valid_seconds)) * 1e9);
  reply.mask = STATX_BASIC_STATS;
  reply.block_size = static_cast<uint32_t>(st.st_blksize);
  reply.links = static_cast<uint32_t>(st.st_nlink);
  reply.uid = st.st_uid;
  reply.gid = st.st_gid;
  reply.mode = static_cast<uint16_t>(st.st_mode);
  reply.inode = st.st_ino;
  reply.size = static_cast<uint64_t>(st.st_size);
  reply.blocks = static_cast<uint64_t>(st.st_blocks);
  reply.atime = time_of(st.st_atim);
  reply.ctime = time_of(st.st_ctim);
  reply.mtime = time_of(st.st_mtim);
  reply.rdev_major = major(st.st_rdev);
  reply.rdev_minor = minor(st.st_rdev);
  if (attributes.btime_ns) {
    reply.mask |= STATX_BTIME;
    reply.btime = time_of(to_timespec(*attributes.btime_ns));
  }
  return reply;
}

}  // namespace kvfs
