// One process per store: locks that the kernel frees with the process, so a crash never needs manual repair. The
// directory itself is locked, so that removing the file lets nobody in; and the file, which says who it is.
#pragma once

#include <memory>
#include <string>

#include "store/result.h"

namespace kvfs {

class StoreLock {
 public:
  /// Locks directory `path` (made if absent, mode 0700). Errors: busy (the detail gives the holder's pid),
  /// access_denied, not_found (parent directory), no_space, io.
  static Result<std::unique_ptr<StoreLock>> acquire(const std::string& path);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  StoreLock() = default;
  int directory_fd_ = -1;
  int fd_ = -1;
};

}  // namespace kvfs
