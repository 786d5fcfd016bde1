#include "fusefs/last_errors.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>
#include <vector>

namespace kvfs {

void LastErrors::add(DirId tenant, std::optional<uid_t> uid, std::string_view request, const Error& error) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string line = fmt::format("{:%FT%TZ} {}: {}: {}\n", now, request, to_string(error.code), error.message());
  const std::lock_guard lock(mutex_);
  auto& lines = lines_[tenant];
  lines.emplace(++last_number_, Line{uid, std::move(line)});
  if (lines.size() > kKept) lines.erase(lines.begin());
  if (lines_.size() <= kTenantsKept) return;
  lines_.erase(std::min_element(lines_.begin(), lines_.end(), [](const auto& a, const auto& b) {
    return a.second.rbegin()->first < b.second.rbegin()->first;
  }));
}

std::string LastErrors::text(const Filter& may_see) const {
  std::vector<std::tuple<uint64_t, DirId, Line>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [tenant, lines] : lines_)
      for (const auto& [number, line] : lines) all.emplace_back(number, tenant, line);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
  std::string text;
  for (const auto& [number, tenant, line] : all)
    if (may_see(tenant, line.uid)) text += line.text;
  return text;
}

}  // namespace kvfs
