// Counters of INFO stats, and what they grow by.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace kvfs::resp {

/// Counters of INFO stats.
struct Statistics {
  std::atomic<uint64_t> commands{0};
  std::atomic<uint64_t> keyspace_hits{0};
  std::atomic<uint64_t> keyspace_misses{0};
  std::atomic<uint64_t> rejected_connections{0};
  std::atomic<uint64_t> input_bytes{0};
  std::atomic<uint64_t> output_bytes{0};
  std::atomic<uint64_t> evicted_clients{0};
  std::atomic<uint64_t> blocked_clients{0};    // now: those that CLIENT PAUSE holds
  std::atomic<uint64_t> throttled_clients{0};  // now: those beyond a rate of commands
  void reset();                                // but for what is now
};

/// Commands and bytes per second lately: between the last two samples.
/// Thread safety: all functions may be called from any thread.
class Throughput {
 public:
  struct Rates {
    double commands = 0;
    double input_bytes = 0;
    double output_bytes = 0;
  };
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Called about once a second, by every thread that serves; one of them is enough: true for that one.
  bool sample(const Statistics& counters, TimePoint now);
  Rates rates() const;

 private:
  struct Sample {
    uint64_t commands = 0;
    uint64_t input_bytes = 0;
    uint64_t output_bytes = 0;
  };
  mutable std::mutex mutex_;
  TimePoint at_{};  // guarded by mutex_, as all that follows; the epoch: there was no sample
  Sample last_;
  Rates rates_;
};

}  // namespace kvfs::resp
