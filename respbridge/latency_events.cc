#include "respbridge/latency_events.h"

#include <fmt/format.h>

#include <algorithm>

namespace kvfs::resp {

namespace {

/// "12s", "3m", "5h", "2d".
std::string age(uint64_t seconds) {
  constexpr uint64_t kMinute = 60, kHour = 3600, kDay = 86'400;
  if (seconds < kMinute) return fmt::format("{}s", seconds);
  if (seconds < kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < kDay) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}d", seconds / kDay);
}

}  // namespace

void LatencyEvents::add(std::string_view event, uint64_t at_s, uint64_t took_ms) {
  const std::lock_guard lock(mutex_);
  Event& entry = events_.try_emplace(std::string(event), Event{std::string(event), {}, 0}).first->second;
  entry.worst_ms = std::max(entry.worst_ms, took_ms);
  if (!entry.samples.empty() && entry.samples.back().at_s == at_s) {
    entry.samples.back().took_ms = std::max(entry.samples.back().took_ms, took_ms);
    return;
  }
  entry.samples.push_back({at_s, took_ms});
  if (entry.samples.size() > kSamplesMax) entry.samples.pop_front();
}

std::vector<LatencyEvents::Event> LatencyEvents::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> out;
  for (const auto& [name, event] : events_) out.push_back(event);
  return out;
}

LatencyEvents::Event LatencyEvents::of(std::string_view event) const {
  const std::lock_guard lock(mutex_);
  const auto found = events_.find(event);
  return found != events_.end() ? found->second : Event{std::string(event), {}, 0};
}

size_t LatencyEvents::reset(const std::vector<std::string_view>& events) {
  const std::lock_guard lock(mutex_);
  const size_t before = events_.size();
  if (events.empty()) events_.clear();
  for (const std::string_view event : events)
    if (const auto found = events_.find(event); found != events_.end()) events_.erase(found);
  return before - events_.size();
}

std::string graph(const LatencyEvents::Event& event, uint64_t now_s) {
  constexpr uint64_t kRows = 4;
  constexpr std::string_view kMarks = "_o#";  // a third of a row, two, a whole one
  constexpr size_t kRuleWidth = 80;
  uint64_t low = UINT64_MAX, high = 0;
  for (const auto& sample : event.samples) {
    low = std::min(low, sample.took_ms);
    high = std::max(high, sample.took_ms);
  }
  std::string out =
      fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n", event.name, high, low, event.worst_ms);
  out.append(kRuleWidth, '-').append("\n");
  for (uint64_t row = kRows; row-- > 0;) {
    for (const auto& sample : event.samples) {
      const uint64_t steps = kRows * kMarks.size() - 1;
      const uint64_t height = high > low ? (sample.took_ms - low) * steps / (high - low) : 0;
      const uint64_t begin = row * kMarks.size();
      out.push_back(height < begin ? ' ' : kMarks[std::min<uint64_t>(height - begin, kMarks.size() - 1)]);
    }
    out.push_back('\n');
  }
  std::vector<std::string> ages;
  size_t longest = 0;
  for (const auto& sample : event.samples) {
    ages.push_back(age(now_s > sample.at_s ? now_s - sample.at_s : 0));
    longest = std::max(longest, ages.back().size());
  }
  for (size_t row = 0; row < longest; ++row) {
    out.push_back('\n');
    for (const std::string& each : ages) out.push_back(row < each.size() ? each[row] : ' ');
  }
  return out + "\n";
}

}  // namespace kvfs::resp
