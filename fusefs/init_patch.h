// Two flags that libfuse before 3.17 never sends to the kernel although it accepts them: parallel lookups in one
// directory, setuid bits cleared by us instead of a question before each write, and shared mappings of files that
// bypass the page cache otherwise. Works on the bytes of the INIT exchange (linux/fuse.h).
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kvfs {

/// Thread safety: both functions may be called from any thread.
class InitPatch {
 public:
  /// `request` was read from the device.
  void saw_request(const void* request, size_t bytes);
  /// Adds the flags to the reply to INIT, where the kernel offered them. Returns true if this is that reply.
  bool patch_reply(const iovec* parts, int count);

 private:
  std::atomic<bool> done_{false};
  std::atomic<uint64_t> init_unique_{0};
  std::atomic<uint32_t> offered_{0};
  std::atomic<uint32_t> offered_more_{0};  // flags2
};

}  // namespace kvfs
