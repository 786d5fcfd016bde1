#include "daemon/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace kvfs {

namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr size_t kColumnsDefault = 80;
constexpr size_t kBarColumnsMin = 10;

size_t terminal_columns() {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : kColumnsDefault;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

std::string readable_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  auto amount = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; amount >= 999.95 && unit < 5; ++unit) amount /= 1000;
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string progress_text(const Progress& progress, double seconds, size_t columns) {
  if (progress.total == 0 || progress.done > progress.total)
    return fmt::format("{} {} ({})", progress.step, progress.done, readable_bytes(progress.bytes)).substr(0, columns);
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  std::string tail = fmt::format(" {:3.0f}% {}", part * 100, readable_bytes(progress.bytes));
  if (part > 0.01 && seconds > 1) tail += fmt::format(" {} left", clock_text(seconds / part * (1 - part)));
  const size_t used = progress.step.size() + 3 + tail.size();
  const size_t width = columns > used + kBarColumnsMin ? std::min<size_t>(columns - used - 1, 60) : kBarColumnsMin;
  const auto filled = static_cast<size_t>(part * static_cast<double>(width));
  return fmt::format("{} [{}{}]{}", progress.step, std::string(filled, '#'), std::string(width - filled, '.'), tail)
      .substr(0, columns);
}

ProgressBar::ProgressBar() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

void ProgressBar::show(const Progress& progress) {
  if (!on_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (step_ != progress.step) {
    step_ = progress.step;
    step_began_ = now;
  } else if (now - last_ < kInterval) {
    return;
  }
  last_ = now;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - step_began_).count();
  std::fprintf(stderr, "\r%s\x1b[K", progress_text(progress, seconds, terminal_columns() - 1).c_str());
}

}  // namespace kvfs
