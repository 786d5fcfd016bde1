// The last refusals and their reasons, for `.kvfs/last_error`: errno alone cannot say why.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class LastErrors {
 public:
  static constexpr size_t kKept = 16;
  void add(std::string_view request, const Error& error);
  /// One line each, the newest first: time, request, code, reason.
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // guarded by mutex_
};

}  // namespace kvfs
