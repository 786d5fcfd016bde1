// Connections from a listening socket, as they come.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "net/event_loop.h"
#include "store/descriptor.h"

namespace kvfs {

/// The connection is non-blocking, and sends small packets at once (TCP_NODELAY). What this throws drops it alone.
using OnConnection = std::function<void(Descriptor connection)>;

/// All functions belong to the loop's thread, or come before it runs. REQUIRES: it outlives the loop's last turn.
class Acceptor final : private EventLoop::Handler {
 public:
  /// `listening`: a socket that listens, non-blocking; `address` is what the log calls it.
  Acceptor(EventLoop& loop, Descriptor listening, std::string address, OnConnection on_connection);

  /// Begins to accept. False: out of resources (errno). REQUIRES: once, before the loop runs.
  bool start();
  /// Takes no more connections.
  void close() {
    loop_.remove(listening_.get());
    listening_.close();
  }

 private:
  void on_ready(EventLoop::Event) override { accept(); }
  void accept();
  /// Where accept(2) has failed, tries again. Doing so at once would only fail again, and keep a CPU busy: until the
  /// next tick those who hold descriptors have time to let go.
  void retry();
  void warn(int why);

  EventLoop& loop_;
  Descriptor listening_;
  const std::string address_;
  const OnConnection on_connection_;
  bool failed_ = false;
  std::chrono::steady_clock::time_point silent_until_{};
};

}  // namespace kvfs
