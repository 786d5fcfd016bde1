#include "fusefs/init_patch.h"

#include <linux/fuse.h>

#include <algorithm>
#include <cstring>

namespace kvfs {
namespace {

constexpr uint32_t kDirectIoAllowMmap = 1 << 4;  // in flags2; headers of Linux 6.6 and later name it

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
    if ((offered_more_ & kDirectIoAllowMmap) != 0 && parts[1].iov_len >= more_at + sizeof(uint32_t)) {
      uint32_t more = 0;
      char* const where = static_cast<char*>(parts[1].iov_base) + more_at;
      if ((flags & FUSE_INIT_EXT) != 0) std::memcpy(&more, where, sizeof more);
      more |= kDirectIoAllowMmap;
      std::memcpy(where, &more, sizeof more);
      flags |= FUSE_INIT_EXT;
    }
    std::memcpy(at, &flags, sizeof flags);
  }
  done_ = true;
  return true;
}

}  // namespace kvfs
