// What memory the process occupies, as the system and the allocator tell.
#pragma once

#include <cstdint>

namespace kvfs::resp {

uint64_t resident_bytes();
uint64_t resident_bytes_peak();
/// Of the machine.
uint64_t system_bytes();

struct AllocatorUse {
  uint64_t allocated = 0;  // handed out
  uint64_t active = 0;     // taken from the system
};
AllocatorUse allocator_use();
/// Gives the system what the allocator holds and nobody uses.
void release_free_memory();

}  // namespace kvfs::resp
