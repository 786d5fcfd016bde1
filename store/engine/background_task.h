// A thread that runs one function when woken or when the function asked to be run again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

namespace kvfs {

/// Thread safety: all functions may be called from any thread but its own.
class BackgroundTask {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  /// `run` returns in how many milliseconds it wants to run again unless woken before; kNever. It must not throw.
  explicit BackgroundTask(std::function<uint64_t()> run);
  /// Waits for a run under way; none begins any more.
  ~BackgroundTask();
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;

  /// A run begins after this call, or a run under way is followed by another.
  void wake();

 private:
  void loop();
  const std::function<uint64_t()> run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = true;      // guarded by mutex_; the first run is at once
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last: it uses all of the above
};

}  // namespace kvfs
