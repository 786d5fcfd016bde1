// The parameters of CONFIG GET and CONFIG SET: what can be changed at run time, and what merely answers as clients of
// Redis expect.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "respbridge/options.h"
#include "store/result.h"

namespace kvfs::resp {

/// Bits of the keyspace events that are published, as the letters of notify-keyspace-events.
enum EventClass : uint32_t {
  kKeyspaceChannel = 1 << 0,  // K
  kKeyeventChannel = 1 << 1,  // E
  kGenericEvents = 1 << 2,    // g
  kStringEvents = 1 << 3,     // $
  kSetEvents = 1 << 4,        // s
  kExpiredEvents = 1 << 5,    // x
  kEvictedEvents = 1 << 6,    // e
  kNewKeyEvents = 1 << 7,     // n
  kMissEvents = 1 << 8,       // m
};
/// Errors: invalid (an unknown letter).
Result<uint32_t> parse_event_classes(std::string_view letters);
std::string format_event_classes(uint32_t classes);

/// Thread safety: all functions may be called from any thread.
class Config {
 public:
  explicit Config(const RespOptions& options);

  /// Names and values of the parameters that match one of the patterns, in order of their names.
  std::vector<std::pair<std::string, std::string>> get(const std::vector<std::string_view>& patterns) const;
  using Values = std::vector<std::pair<std::string_view, std::string_view>>;
  /// All or none. Errors (the whole reply, with its code): invalid.
  Result<void> set(const Values& values);
  /// What set() would say.
  Result<void> check(const Values& values) const;

  uint32_t event_classes() const { return event_classes_.load(std::memory_order_relaxed); }
  int64_t slower_than_us() const { return slower_than_us_.load(std::memory_order_relaxed); }
  size_t slowlog_entries_max() const { return slowlog_entries_max_.load(std::memory_order_relaxed); }
  uint64_t idle_timeout_ms() const { return idle_timeout_ms_.load(std::memory_order_relaxed); }
  size_t connections_max() const { return connections_max_.load(std::memory_order_relaxed); }
  /// 0: spikes are not watched.
  uint64_t latency_threshold_ms() const { return latency_threshold_ms_.load(std::memory_order_relaxed); }
  /// Sets of integers with at most so many members are said to be intsets.
  size_t set_intset_max() const { return set_intset_max_.load(std::memory_order_relaxed); }
  /// 0: any number.
  uint64_t clients_bytes_max() const { return clients_bytes_max_.load(std::memory_order_relaxed); }
  /// client-output-buffer-limit of subscribers; 0: none.
  uint64_t push_bytes_max() const { return push_bytes_max_.load(std::memory_order_relaxed); }
  /// May last for push_soft_ms(); 0: any number may.
  uint64_t push_bytes_soft() const { return push_bytes_soft_.load(std::memory_order_relaxed); }
  uint64_t push_soft_ms() const { return push_soft_ms_.load(std::memory_order_relaxed); }
  /// Whether INFO latencystats tells anything, and of which shares of a hundred.
  bool tracks_latency() const { return tracks_latency_.load(std::memory_order_relaxed); }
  std::vector<double> latency_percentiles() const;
  size_t tracked_keys_max() const { return tracked_keys_max_.load(std::memory_order_relaxed); }

 private:
  enum class Kind {
    fixed,
    settled,
    number,
    memory,
    boolean,
    events,
    policy,
    choice,
    save_points,
    percentiles,
    output_limits
  };
  struct Parameter {
    Kind kind;
    std::string value;
    int64_t min = 0;
    int64_t max = INT64_MAX;
    std::string_view choices = {};
  };
  void add(std::string name, Kind kind, std::string value, int64_t min = 0, int64_t max = INT64_MAX);
  static Result<std::string> checked(const std::string& name, const Parameter& parameter, std::string_view value);
  /// Under mutex_: values as they are kept, by the parameters' own names.
  Result<std::map<std::string, std::string>> checked_all(const Values& values) const;
  void apply(const std::string& name, const std::string& value);

  mutable std::mutex mutex_;
  std::map<std::string, Parameter, std::less<>> parameters_;  // guarded by mutex_
  std::atomic<uint32_t> event_classes_{0};
  std::atomic<int64_t> slower_than_us_{10'000};
  std::atomic<size_t> slowlog_entries_max_{128};
  std::atomic<uint64_t> idle_timeout_ms_{0};
  std::atomic<size_t> connections_max_{10'000};
  std::atomic<uint64_t> latency_threshold_ms_{0};
  std::atomic<size_t> tracked_keys_max_{1'000'000};
  std::atomic<size_t> set_intset_max_{512};
  std::atomic<uint64_t> clients_bytes_max_{0};
  std::atomic<uint64_t> push_bytes_max_{0};
  std::atomic<uint64_t> push_bytes_soft_{0};
  std::atomic<uint64_t> push_soft_ms_{0};
  std::atomic<bool> tracks_latency_{true};
};

}  // namespace kvfs::resp
