// Whether the machine or the control group runs short of memory, as the kernel tells it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace kvfs {

struct PressureOptions {
  /// Percent of time that some task waited for memory (PSI, "some avg10"), from which caches shrink; 0: never look.
  uint64_t stalled_percent_max = 10;
  /// Percent of the memory that should stay available.
  uint64_t available_percent_min = 5;
  std::string proc = "/proc";  // for tests
  std::string cgroup;          // directory of the group; empty: that of /proc/self/cgroup, below /sys/fs/cgroup
};

/// Thread safety: look() is called by one thread at a time; level() by any.
class MemoryPressure {
 public:
  explicit MemoryPressure(PressureOptions options = {});

  /// Looks again. The new level where it has changed: caches may hold 1/2^level of what they are allowed.
  /// It grows by one with each look under pressure, and falls by one after several looks without.
  std::optional<unsigned> look();
  unsigned level() const { return level_.load(std::memory_order_relaxed); }
  static constexpr unsigned kLevelMax = 8;

 private:
  bool pressed();

  PressureOptions options_;
  std::atomic<unsigned> level_{0};
  unsigned calm_looks_ = 0;
  uint64_t high_events_ = 0;
  bool high_events_known_ = false;
};

}  // namespace kvfs
