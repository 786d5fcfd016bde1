// Functions that other threads hand to the thread of an io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <utility>

namespace kvfs {

/// Shared by the owner of an io_context and those who may still want to tell it something when it is gone.
/// Thread safety: all functions may be called from any thread.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}

  /// Runs `run` on the io_context's thread; drops it after close().
  template <class Run>
  void post(Run&& run) {
    const std::lock_guard lock(mutex_);
    if (io_ != nullptr) boost::asio::post(*io_, std::forward<Run>(run));
  }
  /// Before the io_context goes.
  void close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;  // guarded by mutex_
};

}  // namespace kvfs
