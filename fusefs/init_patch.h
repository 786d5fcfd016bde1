// Flags that libfuse before 3.17 never sends to the kernel although it accepts them: parallel lookups in one directory,
// setuid bits cleared by us instead of a question before each write, shared mappings of files that bypass the page
// cache otherwise, and requests over io_uring. Works on the bytes of the INIT exchange (linux/fuse.h).
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kvfs {

/// Thread safety: both functions may be called from any thread.
class InitPatch {
 public:
  /// Requests are to come over io_uring, where the kernel offers that. REQUIRES: before the exchange.
  void ask_for_io_uring() { wants_io_uring_ = true; }
  /// `request` was read from the device.
  void saw_request(const void* request, size_t bytes);
  /// Adds the flags to the reply to INIT, where the kernel offered them. Returns true if this is that reply.
  bool patch_reply(const iovec* parts, int count);
  /// Whether the patched reply says that requests are taken over io_uring, and the most bytes that one of them or its
  /// reply has behind its header.
  bool io_uring_agreed() const { return payload_bytes_ != 0; }
  size_t payload_bytes() const { return payload_bytes_; }

 private:
  bool wants_io_uring_ = false;
  std::atomic<size_t> payload_bytes_{0};
  std::atomic<bool> done_{false};
  std::atomic<uint64_t> init_unique_{0};
  std::atomic<uint32_t> offered_{0};
  std::atomic<uint32_t> offered_more_{0};  // flags2
};

}  // namespace kvfs
