#include "store/latency.h"

namespace kvfs {

namespace {

/// A number of each thread, so that threads spread over the stripes.
size_t thread_number() {
  static std::atomic<size_t> next{0};
  thread_local const size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

void LatencySeries::record(uint64_t ns) noexcept {
  size_t bucket = 0;
  while (bucket < kLatencyBoundsUs.size() && ns > kLatencyBoundsUs[bucket] * uint64_t{1000}) ++bucket;
  Stripe& stripe = stripes_[thread_number() % kStripes];
  stripe.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  stripe.sum_ns.fetch_add(ns, std::memory_order_relaxed);
}

LatencySeries::Reading LatencySeries::read() const {
  Reading reading;
  for (const Stripe& stripe : stripes_) {
    reading.sum_ns += stripe.sum_ns.load(std::memory_order_relaxed);
    for (size_t i = 0; i < kBuckets; ++i) reading.buckets[i] += stripe.buckets[i].load(std::memory_order_relaxed);
  }
  for (const uint64_t bucket : reading.buckets) reading.count += bucket;
  return reading;
}

LatencySeries& Latencies::series(std::string_view door, std::string_view operation) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<LatencySeries>& slot = series_[{std::string(door), std::string(operation)}];
  if (!slot) slot = std::make_unique<LatencySeries>();
  return *slot;
}

std::vector<Latencies::Named> Latencies::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<Named> all;
  all.reserve(series_.size());
  for (const auto& [name, series] : series_) all.push_back({name.first, name.second, series->read()});
  return all;
}

}  // namespace kvfs
