// Requests that kernels send and libfuse 3.14 does not know, as such that it does: the bytes of a request are changed
// before libfuse reads them (linux/fuse.h). TMPFILE is a CREATE of a name that no file can have, STATX a GETATTR of a
// file handle that nobody has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvfs {

/// The name that a file without a name is created by; the kernel's own for it.
inline constexpr std::string_view kUnnamedFile = "/";

/// The handle of a GETATTR that asks for a STATX.
inline constexpr uint64_t kStatxHandle = UINT64_MAX;

/// Changes the request, where it is one of these.
void translate_newer_request(void* request, size_t bytes);

/// What answers a STATX, laid out as the kernel has it.
struct StatxReply {
  struct Time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
  };
  uint64_t valid_seconds;
  uint32_t valid_nanoseconds;
  uint32_t flags;
  uint64_t spare[2];
  uint32_t mask;
  uint32_t block_size;
  uint64_t attributes;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t spare0;
  uint64_t inode;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  Time atime;
  Time btime;
  Time ctime;
  Time mtime;
  uint32_t rdev_major;
  uint32_t rdev_minor;
  uint32_t dev_major;
  uint32_t dev_minor;
  uint64_t spare2[14];
};
static_assert(sizeof(StatxReply) == 288);

struct Attributes;
StatxReply statx_reply(const Attributes& attributes);

}  // namespace kvfs
