// A line on a terminal that shows how far a long command is; nothing where standard error is not a terminal.
#pragma once

#include <chrono>
#include <string>

#include "store/progress.h"

namespace kvfs {

/// Used by one thread.
class ProgressBar {
 public:
  ProgressBar();
  /// Clears the line, so that results stand alone.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(const Progress& progress);
  /// Makes room for a line of output; the bar comes back with the next show().
  void clear();
  ProgressFn function() {
    return [this](const Progress& progress) { show(progress); };
  }

 private:
  const bool on_terminal_;
  bool shown_ = false;
  std::string step_;
  std::chrono::steady_clock::time_point step_began_;
  std::chrono::steady_clock::time_point last_;
};

/// The bar's text in `columns` characters, e.g. "copy [#####.....]  50% 1.2 GB 0:31 left".
std::string progress_text(const Progress& progress, double seconds, size_t columns);
/// "17 bytes", "1.2 MB".
std::string readable_bytes(uint64_t bytes);

}  // namespace kvfs
