#include "respbridge/statistics.h"

namespace kvfs::resp {

void Statistics::reset() {
  for (std::atomic<uint64_t>* counter : {&commands, &keyspace_hits, &keyspace_misses, &rejected_connections,
                                         &evicted_clients, &input_bytes, &output_bytes})
    counter->store(0);
}

bool Throughput::sample(const Statistics& counters, TimePoint now) {
  constexpr std::chrono::milliseconds kBetween{900};
  const std::lock_guard lock(mutex_);
  if (now - at_ < kBetween) return false;
  const Sample sample{counters.commands.load(), counters.input_bytes.load(), counters.output_bytes.load()};
  if (at_ != TimePoint{}) {
    const double seconds = std::chrono::duration<double>(now - at_).count();
    // After CONFIG RESETSTAT the counters begin anew.
    const auto rate = [&](uint64_t was, uint64_t is) {
      return static_cast<double>(is < was ? is : is - was) / seconds;
    };
    rates_ = {rate(last_.commands, sample.commands), rate(last_.input_bytes, sample.input_bytes),
              rate(last_.output_bytes, sample.output_bytes)};
  }
  at_ = now;
  last_ = sample;
  return true;
}

Throughput::Rates Throughput::rates() const {
  const std::lock_guard lock(mutex_);
  return rates_;
}

}  // namespace kvfs::resp
