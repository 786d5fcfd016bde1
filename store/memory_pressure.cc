#include "store/memory_pressure.h"

#include <fstream>
#include <sstream>

namespace kvfs {

namespace {

constexpr unsigned kCalmLooks = 10;

/// The number behind `name` in a file of "name number" or "name: number" lines.
std::optional<uint64_t> number_in(const std::string& path, std::string_view name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream rest(line.substr(name.size()));
    if (rest.peek() == ':') rest.get();
    uint64_t number = 0;
    if (rest >> number) return number;
  }
  return std::nullopt;
}

/// "some avg10=1.23 ..." in percent.
std::optional<double> stalled_percent(const std::string& path) {
  std::ifstream in(path);
  constexpr std::string_view kStart = "some avg10=";
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(kStart)) {
      std::istringstream rest(line.substr(kStart.size()));
      double percent = 0;
      if (rest >> percent) return percent;
    }
  return std::nullopt;
}

std::string own_cgroup(const std::string& proc) {
  std::ifstream in(proc + "/self/cgroup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  return {};
}

}  // namespace

MemoryPressure::MemoryPressure(PressureOptions options) : options_(std::move(options)) {
  if (options_.cgroup.empty()) options_.cgroup = own_cgroup(options_.proc);
}

bool MemoryPressure::pressed() {
  const auto total = number_in(options_.proc + "/meminfo", "MemTotal");
  const auto available = number_in(options_.proc + "/meminfo", "MemAvailable");
  bool pressed = total && available && *available * 100 < *total * options_.available_percent_min;
  for (const std::string& psi : {options_.proc + "/pressure/memory", options_.cgroup + "/memory.pressure"})
    if (const auto percent = stalled_percent(psi);
        percent && *percent >= static_cast<double>(options_.stalled_percent_max))
      pressed = true;
  // The group was throttled at memory.high since the last look.
  if (const auto events = number_in(options_.cgroup + "/memory.events", "high")) {
    pressed |= high_events_known_ && *events > high_events_;
    high_events_ = *events;
    high_events_known_ = true;
  }
  return pressed;
}

std::optional<unsigned> MemoryPressure::look() {
  if (options_.stalled_percent_max == 0) return std::nullopt;
  const unsigned before = level();
  if (pressed()) {
    calm_looks_ = 0;
    if (before == kLevelMax) return std::nullopt;
    level_ = before + 1;
  } else if (before == 0 || ++calm_looks_ < kCalmLooks) {
    return std::nullopt;
  } else {
    calm_looks_ = 0;
    level_ = before - 1;
  }
  return level();
}

}  // namespace kvfs
