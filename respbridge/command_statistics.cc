#include "respbridge/command_statistics.h"

#include <algorithm>

namespace kvfs::resp {

namespace {

/// "WRONGTYPE" of "-WRONGTYPE Operation ...".
std::string_view code_of(std::string_view error) {
  if (error.starts_with('-')) error.remove_prefix(1);
  return error.substr(0, std::min(error.find_first_of(" \r"), error.size()));
}

size_t place_of(const CommandSpec& spec) { return static_cast<size_t>(&spec - command_table().data()); }

}  // namespace

CommandStatistics::CommandStatistics(Latencies& latencies) : latencies_(latencies), counters_(command_table().size()) {}

CommandStatistics::Counters& CommandStatistics::counters_of(const CommandSpec& spec) {
  return counters_[place_of(spec)];
}

const CommandStatistics::Counters& CommandStatistics::counters_of(const CommandSpec& spec) const {
  return counters_[place_of(spec)];
}

LatencySeries& CommandStatistics::latency_of(const CommandSpec& spec) {
  std::atomic<LatencySeries*>& slot = counters_of(spec).series;
  LatencySeries* series = slot.load(std::memory_order_acquire);
  if (series == nullptr) {
    series = &latencies_.series("resp", spec.name);
    slot.store(series, std::memory_order_release);
  }
  return *series;
}

void CommandStatistics::rejected(const CommandSpec* spec, std::string_view error) {
  if (spec != nullptr) counters_of(*spec).rejected.fetch_add(1, std::memory_order_relaxed);
  count_error(error);
}

void CommandStatistics::failed(const CommandSpec& spec, std::string_view error) {
  counters_of(spec).failed.fetch_add(1, std::memory_order_relaxed);
  count_error(error);
}

void CommandStatistics::count_error(std::string_view error) {
  errors_total_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  ++errors_[std::string(code_of(error))];
}

CommandStatistics::Reading CommandStatistics::read(const CommandSpec& spec) const {
  const Counters& counters = counters_of(spec);
  Reading out{{}, counters.rejected.load(), counters.failed.load()};
  const LatencySeries* series = counters.series.load(std::memory_order_acquire);
  if (series == nullptr) return out;
  out.calls = series->read();
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < out.calls.buckets.size(); ++i) out.calls.buckets[i] -= counters.before.buckets[i];
  out.calls.count -= counters.before.count;
  out.calls.sum_ns -= counters.before.sum_ns;
  return out;
}

std::map<std::string, uint64_t> CommandStatistics::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_;
}

void CommandStatistics::reset() {
  const std::lock_guard lock(mutex_);
  for (Counters& counters : counters_) {
    if (const LatencySeries* series = counters.series.load(std::memory_order_acquire)) counters.before = series->read();
    counters.rejected.store(0);
    counters.failed.store(0);
  }
  errors_.clear();
  errors_total_.store(0);
}

}  // namespace kvfs::resp
