// One thread's wait for everything: the readiness of its connections, functions that other threads hand to it, and its
// clock, all at the price of one epoll_wait(2). Sockets are registered once, edge-triggered.
//
// Not Asio's io_context: its reactor can watch such a set only from within one of its own, where the kernel walks both
// for each arrival (0.4 us of 3.6 for a request to a server that does nothing else), and its sockets, which are read at
// once, are read in vain after each request. docs/benchmarks.md has what that came to.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvfs {

/// All functions but post() and stop() belong to the thread that runs it, or come before run().
/// What a handler, a hook or a posted function throws (there is no memory) is told to the log and ends that call alone:
/// nothing that the loop keeps doing needs memory to be done again.
class EventLoop {
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
  struct Hooks {
    /// After all that was posted, was ready at once, or was due: what these have left to be done together.
    std::function<void()> settle;
    std::chrono::milliseconds tick{250};
  };
  /// Calls a function once. Ends with its destruction; must not outlive the loop.
  class Timer {
   public:
    explicit Timer(EventLoop& loop) : loop_(loop) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    /// `run` is called that much later, to the millisecond, unless cancel() or another start() comes first.
    void start(std::chrono::nanoseconds after, std::function<void()> run);
    void cancel();

   private:
    friend class EventLoop;
    EventLoop& loop_;
    std::function<void()> run_;
    std::chrono::steady_clock::time_point due_;
  };

  /// `name` goes before what it tells the log. Throws std::system_error where the system is out of descriptors.
  EventLoop(std::string_view name, Hooks hooks);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// `handler` is called whenever something becomes possible on `fd` that was not before, until remove(). It must
  /// outlive the turn of that: until the next settle(). False: out of resources (errno).
  bool add(int fd, Handler& handler);
  /// Before `fd` is closed: closing alone leaves it in the set for as long as a process that was forked meanwhile still
  /// has it (epoll(7)). No-op where it was not added.
  void remove(int fd);
  /// Any thread: `run` is called by the loop's thread, before events that come later. What comes after stop() is
  /// dropped with the loop.
  void post(std::function<void()> run);

  /// `run` is called after each `tick`, or a little later. REQUIRES: before run().
  void each_tick(std::function<void()> run) { each_tick_.push_back(std::move(run)); }
  /// The next turn comes at once: settle() has left something for it.
  void hurry() { hurries_ = true; }

  /// Until stop().
  void run();
  /// Any thread.
  void stop();

 private:
  template <class Call>
  void unfailing(const Call& call);
  void run_events();
  void run_posted();
  /// True: there was one.
  bool run_timers();
  int timeout_ms();
  void wake() const;

  const std::string name_;
  const Hooks hooks_;
  std::vector<std::function<void()>> each_tick_;
  int set_ = -1;
  int wake_fd_ = -1;  // an eventfd(2) in set_, readable anew with each wake()
  std::atomic<bool> stopped_{false};
  bool hurries_ = false;
  int64_t next_tick_ms_ = 0;  // coarse monotonic clock
  std::set<std::pair<std::chrono::steady_clock::time_point, Timer*>> timers_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  std::vector<std::function<void()>> running_;
};

}  // namespace kvfs
