// A thread that runs one function when woken or when the function asked to be run again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

namespace kvfs {

/// Thread safety: all functions may be called from any thread but its own.
class BackgroundTask {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  /// After a run that threw, the next one begins so much later.
  static constexpr uint64_t kAgainMs = 1000;
  using Failed = std::function<void(const std::exception&)>;
  /// `run` returns in how many milliseconds it wants to run again unless woken before; kNever. What it throws (there is
  /// no memory) is told to `failed`, and it runs again.
  explicit BackgroundTask(std::function<uint64_t()> run, Failed failed = {});
  /// Waits for a run under way; none begins any more.
  ~BackgroundTask();
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;

  /// A run begins after this call, or a run under way is followed by another.
  void wake();

 private:
  void loop();
  uint64_t run_once() noexcept;
  const std::function<uint64_t()> run_;
  const Failed failed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = true;      // guarded by mutex_; the first run is at once
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last: it uses all of the above
};

}  // namespace kvfs
