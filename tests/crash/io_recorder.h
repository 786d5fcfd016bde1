// Sees every change that this process makes to files below one directory, whoever makes it: the C library's functions
// are replaced in the executable (io_interposition.cc), so LMDB's writes are seen, too. Feeds a DiskModel, and can make
// operations fail or kill the process at them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tests/crash/disk_model.h"

namespace kvfs::crash {

enum class IoKind { create, write, sync, truncate, allocate, punch, rename, unlink, sync_directory };

struct IoOperation {
  IoKind kind;
  std::string path;
  uint64_t bytes = 0;  // of a write
};

/// What is to happen to an operation.
struct Verdict {
  int errno_value = 0;                  // fail with this; a sync then loses what it covers
  std::optional<uint64_t> short_bytes;  // write only so much; then fail, or with no errno return the short count
  bool kill_before = false;
  bool kill_after = false;
};

/// Thread safety: start() and stop() while nobody else does I/O below the root; the rest is called by the replaced
/// functions. The callbacks run under the recorder's lock: they must do no I/O below the root.
class IoRecorder {
 public:
  static IoRecorder& instance();

  /// What is below `root` now counts as durable. LMDB's lock file, which is mapped and rebuilt at
  /// each opening, is not followed.
  void start(const std::string& root);
  void stop();

  /// Asked before each operation.
  std::function<Verdict(const IoOperation&)> judge;
  /// Told after each operation.
  std::function<void(const DiskModel&)> observe;

  const DiskModel& model() const { return model_; }
  uint64_t operations() const { return operations_; }

  // Called by the replaced functions. Paths are absolute; a path or descriptor not below the root is none of ours.
  bool active() const { return active_.load(std::memory_order_acquire); }
  int open(int directory, const char* path, int flags, unsigned mode);
  int close(int fd);
  int64_t write(int fd, const char* bytes, size_t count, std::optional<int64_t> offset);
  int sync(int fd, bool data_only);
  int truncate(int fd, int64_t size);
  int allocate(int fd, int mode, int64_t offset, int64_t length);
  int rename(int from_directory, const char* from, int to_directory, const char* to);
  int unlink(int directory, const char* path, int flags);

 private:
  struct OpenFile {
    std::string path;  // as opened
    DiskModel::FileId file = 0;
    bool is_directory = false;
    bool synchronous = false;  // O_DSYNC
  };

  std::optional<std::string> path_below(int directory, const char* path) const;
  const OpenFile* find(int fd) const;
  Verdict ask(const IoOperation& operation);
  void done(const Verdict& verdict);

  std::atomic<bool> active_{false};
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string root_;
  DiskModel model_;
  std::map<int, OpenFile> open_;
  uint64_t operations_ = 0;
};

/// The files below `root`, by path relative to it with a leading "/".
Image read_image(const std::string& root);
/// Makes the image's files below `root`, which is made empty first.
void write_image(const Image& image, const std::string& root);
/// Empty if the two have the same files with the same bytes; else says where they differ.
std::string difference(const Image& a, const Image& b);

}  // namespace kvfs::crash
