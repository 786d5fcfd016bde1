// Where threads run.
#pragma once

#include <vector>

namespace kvfs {

/// Numbers of the CPUs that this process may use, ascending; empty where the system does not tell.
std::vector<int> usable_cpus();

/// The calling thread runs on those CPUs alone from now on. Threads that wander leave their caches behind, and meet
/// each other on one CPU. Without effect where the system does not allow it.
void stay_on_cpus(const std::vector<int>& cpus);

}  // namespace kvfs
