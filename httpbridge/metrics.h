// Counters of the HTTP door: what was asked, how it was answered, how long it took. Lock-free to write; summed to read.
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

/// Upper bounds of the latency histogram, in microseconds; the last bucket has none.
inline constexpr std::array<uint32_t, 16> kLatencyBucketsUs = {
    50,     100,    250,     500,     1'000,   2'500,     5'000,     10'000,
    25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};

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
    Counter duration_us;
    std::array<Counter, kLatencyBucketsUs.size() + 1> buckets;
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

  void count(Operation operation, int status, uint64_t duration_us);
};

/// The sum of shards, plain numbers.
struct MetricsTotal {
  struct PerOperation {
    uint64_t requests = 0;
    uint64_t errors = 0;
    uint64_t duration_us = 0;
    std::array<uint64_t, kLatencyBucketsUs.size() + 1> buckets{};
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
