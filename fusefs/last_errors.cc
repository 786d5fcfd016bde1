#include "fusefs/last_errors.h"

#include <fmt/chrono.h>

#include <chrono>

namespace kvfs {

void LastErrors::add(std::string_view request, const Error& error) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string line = fmt::format("{:%FT%TZ} {}: {}: {}\n", now, request, to_string(error.code), error.message());
  const std::lock_guard lock(mutex_);
  lines_.push_front(std::move(line));
  if (lines_.size() > kKept) lines_.pop_back();
}

std::string LastErrors::text() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const std::string& line : lines_) all += line;
  return all;
}

}  // namespace kvfs
