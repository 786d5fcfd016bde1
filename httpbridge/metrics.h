// Counters of the HTTP door: what was asked, how it was answered. How long it took is in store/latency.h. Lock-free to
// write; summed to read.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace kvfs::http {

enum class Operation : uint8_t { read, write, erase, batch, scan, patch, publish, watch, admin, other };
inline constexpr size_t kOperations = 10;
std::string_view to_string(Operation operation);

/// One thread writes, any thread reads: relaxed atomics without read-modify-write contention.
class Counter {
 public:
  void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void subtract(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// The counters of one thread.
struct alignas(64) MetricsShard {
  struct PerOperation {
    Counter requests;
    Counter errors;  // answered with 5xx
  };
  std::array<PerOperation, kOperations> operations;
  std::array<Counter, 6> by_class;  // answers 1xx..5xx by index, 0: none
  Counter connections_opened;
  Counter connections_closed;
  Counter connections_refused;
  Counter rate_limited;
  Counter unauthorized;
  Counter malformed;
  Counter timeouts;
  Counter bytes_in;
  Counter bytes_out;
  Counter watches_opened;
  Counter watches_closed;
  Counter changes_missed;

  void count(Operation operation, int status);
};

/// The sum of shards, plain numbers.
struct MetricsTotal {
  struct PerOperation {
    uint64_t requests = 0;
    uint64_t errors = 0;
  };
  std::array<PerOperation, kOperations> operations;
  std::array<uint64_t, 6> by_class{};
  uint64_t connections_opened = 0, connections_closed = 0, connections_refused = 0;
  uint64_t rate_limited = 0, unauthorized = 0, malformed = 0, timeouts = 0;
  uint64_t bytes_in = 0, bytes_out = 0;
  uint64_t watches_opened = 0, watches_closed = 0, changes_missed = 0;

  const PerOperation& of(Operation operation) const { return operations[static_cast<size_t>(operation)]; }
  void add(const MetricsShard& shard);
};

}  // namespace kvfs::http
