// The spikes that LATENCY tells of: commands that took at least latency-monitor-threshold milliseconds.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class LatencyEvents {
 public:
  struct Sample {
    uint64_t at_s = 0;
    uint64_t took_ms = 0;
  };
  struct Event {
    std::string name;
    std::deque<Sample> samples;  // oldest first; of each second the worst; never empty
    uint64_t worst_ms = 0;       // also of samples that are gone
  };
  static constexpr size_t kSamplesMax = 160;  // of an event, as many as Redis keeps

  void add(std::string_view event, uint64_t at_s, uint64_t took_ms);
  /// In order of their names.
  std::vector<Event> all() const;
  /// Without samples: there were none.
  Event of(std::string_view event) const;
  /// Forgets these events, or all. Returns how many there were.
  size_t reset(const std::vector<std::string_view>& events);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Event, std::less<>> events_;  // guarded by mutex_
};

/// The samples as LATENCY GRAPH draws them: a column each, four rows high, with their ages below.
std::string graph(const LatencyEvents::Event& event, uint64_t now_s);

}  // namespace kvfs::resp
