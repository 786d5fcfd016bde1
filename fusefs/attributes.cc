#include "fusefs/attributes.h"

#include <limits>

#include "store/value.h"

namespace kvfs {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kBlockBytes = 512;  // the unit of st_blocks

}  // namespace

mode_t file_type(Kind kind) {
  switch (kind) {
    case Kind::file:
      return S_IFREG;
    case Kind::directory:
      return S_IFDIR;
    case Kind::symlink:
      return S_IFLNK;
    case Kind::fifo:
      return S_IFIFO;
    case Kind::socket:
      return S_IFSOCK;
    case Kind::char_device:
      return S_IFCHR;
    case Kind::block_device:
      return S_IFBLK;
    case Kind::link:
      return S_IFREG;  // resolved before it gets here
  }
  return S_IFREG;
}

Result<Kind> kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
      return Kind::file;
    case S_IFDIR:
      return Kind::directory;
    case S_IFLNK:
      return Kind::symlink;
    case S_IFIFO:
      return Kind::fifo;
    case S_IFSOCK:
      return Kind::socket;
    case S_IFCHR:
      return Kind::char_device;
    case S_IFBLK:
      return Kind::block_device;
    default:
      return Error{Errc::invalid, "unknown file type in mode"};
  }
}

timespec to_timespec(int64_t ns) {
  int64_t seconds = ns / kNsPerSecond;
  int64_t rest = ns % kNsPerSecond;
  if (rest < 0) {
    rest += kNsPerSecond;
    seconds--;
  }
  return {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

int64_t to_ns(const timespec& time) {
  int64_t ns = 0;
  if (__builtin_mul_overflow(int64_t{time.tv_sec}, kNsPerSecond, &ns) || __builtin_add_overflow(ns, time.tv_nsec, &ns))
    return time.tv_sec < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return ns;
}

struct stat to_stat(const ReadTxn& txn, const Entry& entry) {
  struct stat st {};
  st.st_ino = entry.inode;
  st.st_mode = file_type(entry.kind) | (entry.mode & kModeMask);
  st.st_nlink = entry.nlink;
  st.st_uid = entry.uid;
  st.st_gid = entry.gid;
  st.st_rdev = entry.rdev;
  st.st_size = static_cast<off_t>(entry.size);
  st.st_blksize = kChunkBytes;
  const uint64_t bytes = entry.chunked ? value_bytes_allocated(txn, entry) : entry.size;
  st.st_blocks = static_cast<blkcnt_t>((bytes + kBlockBytes - 1) / kBlockBytes);
  st.st_atim = to_timespec(entry.atime_ns);
  st.st_mtim = to_timespec(entry.mtime_ns);
  st.st_ctim = to_timespec(entry.ctime_ns);
  return st;
}

}  // namespace kvfs
