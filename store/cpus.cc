#include "store/cpus.h"

#include <sched.h>

namespace kvfs {

std::vector<int> usable_cpus() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return cpus;  // more of them than a cpu_set_t has
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &usable)) cpus.push_back(cpu);
  return cpus;
}

void stay_on_cpus(const std::vector<int>& cpus) {
  cpu_set_t here;
  CPU_ZERO(&here);
  for (const int cpu : cpus) CPU_SET(cpu, &here);
  (void)::sched_setaffinity(0, sizeof here, &here);  // of the calling thread
}

}  // namespace kvfs
