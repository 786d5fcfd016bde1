// How kvfs ends. Scripts rely on the numbers: they are listed in kvfs(1) and do not change.
#pragma once

#include <string>

#include "store/result.h"

namespace kvfs {

enum class ExitCode : int {
  ok = 0,
  failure = 1,        // anything without a number of its own
  usage = 2,          // the command line
  configuration = 3,  // kvfs.ini, an environment variable or an -o option
  store = 4,          // the store cannot be opened: permission, damage, no space
  store_locked = 5,   // another process has the store open
  listen = 6,         // an address cannot be listened on
  mount_point = 7,    // the mount point, /dev/fuse, or the right to mount
  unclean = 8,        // stopped, but something acknowledged may not be durable; the log says what
  damaged = 9,        // kvfs check found problems that it did not mend
};

/// An error on its way to the command line.
struct Failure {
  ExitCode code = ExitCode::failure;
  std::string message;  // one line: what was refused, why, and what to do
};

/// Of opening, copying or checking a store.
inline Failure store_failure(const Error& error) {
  return {error.code == Errc::busy ? ExitCode::store_locked : ExitCode::store, error.message()};
}

}  // namespace kvfs
