// How many files and connections the process may have open at once, see getrlimit(2).
#pragma once

#include <cstdint>

namespace kvfs {

/// Raises the soft limit to `wanted`, or to the hard limit where that is lower; never lowers it. Returns the limit.
uint64_t raise_open_files_limit(uint64_t wanted);

}  // namespace kvfs
