#include "respbridge/process_memory.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace kvfs::resp {

uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t resident_bytes_peak() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const uint64_t now = resident_bytes();
  const uint64_t peak = static_cast<uint64_t>(used.ru_maxrss) * 1024;
  return peak > now ? peak : now;  // they are counted apart
}

uint64_t system_bytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

AllocatorUse allocator_use() {
  const struct mallinfo2 info = mallinfo2();
  return {info.uordblks + info.hblkhd, info.arena + info.hblkhd};
}

void release_free_memory() { malloc_trim(0); }

}  // namespace kvfs::resp
