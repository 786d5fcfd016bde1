// What a listener does when accept(2) has failed: trying at once would only fail again, and keep a CPU busy.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <string_view>

namespace kvfs {

/// Out of file descriptors, mostly: those who hold some get time to let go. Used by one thread at a time. REQUIRES: the
/// execution context outlives it.
class AcceptPause {
 public:
  template <class ExecutionContext>
  explicit AcceptPause(ExecutionContext& io) : timer_(io) {}

  /// Calls `again` a little later, unless cancel() comes first. Tells the log why, at most once a minute.
  template <class Again>
  void begin(std::string_view address, const boost::system::error_code& why, Again again) {
    warn(address, why);
    timer_.expires_after(std::chrono::milliseconds(100));
    timer_.async_wait([again = std::move(again)](const boost::system::error_code& cancelled) mutable {
      if (!cancelled) again();
    });
  }
  void cancel() { timer_.cancel(); }

 private:
  void warn(std::string_view address, const boost::system::error_code& why);

  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point silent_until_{};
};

}  // namespace kvfs
