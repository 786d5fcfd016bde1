// What INFO commandstats, INFO errorstats and LATENCY HISTOGRAM tell of commands: counted since the start or since
// CONFIG RESETSTAT.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/command.h"
#include "store/latency.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread. What succeeds costs no lock.
class CommandStatistics {
 public:
  explicit CommandStatistics(Latencies& latencies);

  /// Where the times of a command are recorded. They are the door's metrics, too, which reset() leaves alone.
  LatencySeries& latency_of(const CommandSpec& spec);
  /// The command was not executed; its execution failed. `error`: the reply to it, "-ERR ..." or "ERR ...".
  void rejected(const CommandSpec* spec, std::string_view error);
  void failed(const CommandSpec& spec, std::string_view error);

  struct Reading {
    LatencySeries::Reading calls;
    uint64_t rejected = 0;
    uint64_t failed = 0;
  };
  Reading read(const CommandSpec& spec) const;
  /// Errors by their code, "ERR", "WRONGTYPE" and so on.
  std::map<std::string, uint64_t> errors() const;
  uint64_t errors_total() const { return errors_total_.load(std::memory_order_relaxed); }
  void reset();

 private:
  struct Counters {
    std::atomic<LatencySeries*> series{nullptr};  // null: never called
    std::atomic<uint64_t> rejected{0};
    std::atomic<uint64_t> failed{0};
    LatencySeries::Reading before;  // at the last reset; guarded by mutex_
  };
  Counters& counters_of(const CommandSpec& spec);
  const Counters& counters_of(const CommandSpec& spec) const;
  void count_error(std::string_view error);

  Latencies& latencies_;
  std::vector<Counters> counters_;  // in the order of the command table
  std::atomic<uint64_t> errors_total_{0};
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> errors_;  // guarded by mutex_
};

}  // namespace kvfs::resp
