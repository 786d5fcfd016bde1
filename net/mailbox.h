// Functions that other threads hand to the thread of a loop that may be gone.
#pragma once

#include <mutex>
#include <utility>

#include "net/event_loop.h"

namespace kvfs {

/// Shared by the owner of a loop and those who may still want to tell it something when it is gone.
/// Thread safety: all functions may be called from any thread.
class Mailbox {
 public:
  explicit Mailbox(EventLoop& loop) : loop_(&loop) {}

  /// Runs `run` on the loop's thread; drops it after close().
  template <class Run>
  void post(Run&& run) {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) loop_->post(std::forward<Run>(run));
  }
  /// Before the loop goes.
  void close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  EventLoop* loop_;  // guarded by mutex_
};

}  // namespace kvfs
