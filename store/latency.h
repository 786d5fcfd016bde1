// How long requests take, as histograms by door and operation. Doors record, /metrics reads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvfs {

/// Upper bounds of the buckets, in microseconds; the last bucket has none.
inline constexpr std::array<uint32_t, 19> kLatencyBoundsUs = {
    1,     2,     5,      10,     25,      50,      100,       250,       500,       1'000,
    2'500, 5'000, 10'000, 25'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};

/// The histogram of one operation. Thread safety: all functions may be called from any thread; record() neither locks
/// nor waits, and threads write to memory of their own as far as there is some.
class LatencySeries {
 public:
  static constexpr size_t kBuckets = kLatencyBoundsUs.size() + 1;

  void record(uint64_t ns) noexcept;

  struct Reading {
    std::array<uint64_t, kBuckets> buckets{};
    uint64_t count = 0;
    uint64_t sum_ns = 0;
  };
  Reading read() const;

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<uint64_t>, kBuckets> buckets{};
    std::atomic<uint64_t> sum_ns{0};
  };
  static constexpr size_t kStripes = 4;
  std::array<Stripe, kStripes> stripes_;
};

/// Thread safety: all functions may be called from any thread.
class Latencies {
 public:
  /// Made where absent; lives as long as this object. Locks: keep the reference.
  LatencySeries& series(std::string_view door, std::string_view operation);

  struct Named {
    std::string door;
    std::string operation;
    LatencySeries::Reading reading;
  };
  /// In the order of their names.
  std::vector<Named> read() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<LatencySeries>> series_;  // guarded by mutex_
};

/// Records the time from its construction to its end.
class LatencyTimer {
 public:
  /// `series` null: nothing is recorded.
  explicit LatencyTimer(LatencySeries* series) : series_(series) {
    if (series_ != nullptr) begin_ = std::chrono::steady_clock::now();
  }
  ~LatencyTimer() {
    if (series_ != nullptr) series_->record(static_cast<uint64_t>((std::chrono::steady_clock::now() - begin_).count()));
  }
  LatencyTimer(const LatencyTimer&) = delete;
  LatencyTimer& operator=(const LatencyTimer&) = delete;

 private:
  static_assert(std::chrono::steady_clock::period::den == 1'000'000'000);
  LatencySeries* const series_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace kvfs
