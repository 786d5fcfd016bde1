// Who asks, and what Linux takes from a file's mode when they write to it or give it away.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace kvfs {

/// Of a request.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;  // of the thread; 0: not known
  mode_t umask = 0;
};

/// The caller's own group or, if it lives and can be seen, one of its further groups.
bool is_in_group(const Caller& caller, gid_t group);

/// The bits of a file's mode that go when the caller writes to it (root takes none) or changes its owner: setuid, and
/// setgid where the group may execute it, or the caller is not of its group.
uint32_t privileges_taken_by_writing(uint32_t mode, gid_t group, const Caller& caller);
uint32_t privileges_taken_by_chown(uint32_t mode, gid_t group, const Caller& caller);

}  // namespace kvfs
