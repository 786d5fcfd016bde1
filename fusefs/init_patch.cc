#include "fusefs/init_patch.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace kvfs {
namespace {

// In flags2; headers of Linux 6.6 and 6.14 name them.
constexpr uint32_t kDirectIoAllowMmap = 1 << 4;
constexpr uint32_t kOverIoUring = 1 << 9;

/// What the kernel demands of a ring's buffers (fuse_uring_create() in its dev_uring.c).
size_t payload_bytes_of(const void* init_reply, uint32_t flags) {
  constexpr size_t kPagesUnlessSaid = 32;
  fuse_init_out out;
  std::memcpy(&out, init_reply, sizeof out);
  const size_t pages = (flags & FUSE_MAX_PAGES) != 0 ? out.max_pages : kPagesUnlessSaid;
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return std::max({size_t{FUSE_MIN_READ_BUFFER}, size_t{out.max_write}, pages * page_bytes});
}

}  // namespace

void InitPatch::saw_request(const void* request, size_t bytes) {
  if (done_.load(std::memory_order_relaxed) || bytes < sizeof(fuse_in_header) + sizeof(uint32_t) * 4) return;
  fuse_in_header header;
  std::memcpy(&header, request, sizeof header);
  if (header.opcode != FUSE_INIT) return;
  uint32_t fields[5] = {};  // major, minor, max_readahead, flags, flags2
  std::memcpy(fields, static_cast<const char*>(request) + sizeof header,
              std::min(sizeof fields, bytes - sizeof header));
  offered_ = fields[3];
  if ((fields[3] & FUSE_INIT_EXT) != 0) offered_more_ = fields[4];
  init_unique_ = header.unique;
}

bool InitPatch::patch_reply(const iovec* parts, int count) {
  if (done_.load(std::memory_order_relaxed) || count < 1 || parts[0].iov_len < sizeof(fuse_out_header)) return false;
  fuse_out_header header;
  std::memcpy(&header, parts[0].iov_base, sizeof header);
  if (header.unique == 0 || header.unique != init_unique_) return false;
  if (header.error == 0 && count >= 2 && parts[1].iov_len >= offsetof(fuse_init_out, flags) + sizeof(uint32_t)) {
    char* const at = static_cast<char*>(parts[1].iov_base) + offsetof(fuse_init_out, flags);
    uint32_t major = 0;
    std::memcpy(&major, parts[1].iov_base, sizeof major);
    if (major != FUSE_KERNEL_VERSION) return false;
    uint32_t flags = 0;
    std::memcpy(&flags, at, sizeof flags);
    flags |= offered_ & (FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2);
    const size_t more_at = offsetof(fuse_init_out, flags2);
    const uint32_t wanted = kDirectIoAllowMmap | (wants_io_uring_ ? kOverIoUring : 0);
    if ((offered_more_ & wanted) != 0 && parts[1].iov_len >= more_at + sizeof(uint32_t)) {
      uint32_t more = 0;
      char* const where = static_cast<char*>(parts[1].iov_base) + more_at;
      if ((flags & FUSE_INIT_EXT) != 0) std::memcpy(&more, where, sizeof more);
      more |= offered_more_ & wanted;
      std::memcpy(where, &more, sizeof more);
      flags |= FUSE_INIT_EXT;
      if ((more & kOverIoUring) != 0) payload_bytes_ = payload_bytes_of(parts[1].iov_base, flags);
    }
    std::memcpy(at, &flags, sizeof flags);
  }
  done_ = true;
  return true;
}

}  // namespace kvfs
