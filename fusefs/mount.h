// A mounted store: session, loop, invalidation, from start to stop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fusefs/filesystem.h"
#include "fusefs/session_loop.h"
#include "store/store.h"

namespace kvfs {

/// Whether requests come over io_uring: where the kernel can and that is, or may be, switched on; always; never.
enum class IoUring { automatic, yes, no };

struct MountOptions {
  std::string mount_point;
  std::string source = "kvfs";  // first field of /proc/mounts
  bool allow_other = true;      // users other than the daemon's may enter; permissions are enforced
  bool read_only = false;
  std::vector<std::string> fuse_options;  // further -o options, as mount.fuse(8) takes them
  FilesystemOptions filesystem;
  SessionLoopOptions loop;
  IoUring io_uring = IoUring::automatic;
  uint64_t read_ahead_bytes = 256 * 1024;  // of whole pages; 0: as the kernel has it
};

/// Thread safety: stop() and wait() may be called from any thread. Signals are left to the caller: the mount's threads
/// block them all.
class Mount {
 public:
  /// Returns when the mount answers. A stale mount at the same place (its daemon died) is cleared first.
  /// Errors: not_found (no such mount point), not_directory, busy (mounted by a living kvfs), access_denied (with what
  /// to do), unsupported (no /dev/fuse), invalid (unknown option), io.
  static Result<std::unique_ptr<Mount>> start(Store& store, MountOptions options);
  /// Stops.
  ~Mount();
  Mount(const Mount&) = delete;

  /// Publishes what is staged, unmounts, and ends all threads. Requests under way are answered. Idempotent.
  void stop();
  /// Returns when the file system was unmounted, by stop() or by somebody else (umount, fusermount3 -u).
  void wait();

  Filesystem& filesystem();

 private:
  struct State;
  explicit Mount(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Lazily unmounts what a dead daemon left at `mount_point`: "Transport endpoint is not connected". Returns whether
/// there was something. Errors: access_denied.
Result<bool> clear_stale_mount(const std::string& mount_point);

}  // namespace kvfs
