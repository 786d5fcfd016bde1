// Readiness of many connections at the price of one wait: an epoll set of its own, edge-triggered and registered once
// per connection, which the event loop watches as a single descriptor. Saves Asio's re-arming of each socket after each
// request.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>

#include "httpbridge/net.h"
#include "net/standing.h"

namespace kvfs::http {

/// Used by one thread.
class Poller {
 public:
  struct Event {
    bool readable = false;  // also at the end of the stream and at errors: the read tells
    bool hung_up = false;   // the client sends nothing more
  };
  class Handler {
   public:
    virtual void on_ready(Event event) = 0;

   protected:
    ~Handler() = default;
  };

  /// `after` is called when all handlers that were ready at once have been.
  Poller(net::IoContext& io, std::function<void()> after);

  /// `handler` is called whenever something becomes possible on `fd` that was not before, until `fd` is closed.
  /// It must outlive the turn of the loop in which `fd` is closed. False: out of resources.
  bool add(int fd, Handler& handler);
  /// Waits for events, if it does not already.
  void keep_up();
  /// After the events at hand, what has been posted has its turn.
  void yield() { yields_ = true; }

 private:
  /// How many events there were.
  int dispatch();
  net::asio::posix::basic_stream_descriptor<net::Executor> set_;
  const std::function<void()> after_;
  Standing waiting_;
  bool yields_ = false;
};

}  // namespace kvfs::http
