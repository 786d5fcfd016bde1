// One thread of the door: its event loop, its sessions, its clock. What sessions share without locks.
#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "httpbridge/access_log.h"
#include "httpbridge/net.h"
#include "httpbridge/poller.h"
#include "httpbridge/service.h"
#include "net/unsynced.h"

namespace kvfs::http {

class Session;

/// What all workers of a server share.
struct Shared {
  Service& service;
  AccessLog* access_log = nullptr;  // may be null
  std::atomic<size_t> connections{0};
};

/// All functions but post(), stop() and join() run on the worker's own thread (or before start()).
class Worker {
 public:
  static constexpr size_t kScratchBytes = 256 * 1024;

  Worker(Shared& shared, MetricsShard& metrics);
  ~Worker();

  void start();
  void stop();
  void join();

  net::IoContext& io() { return io_; }
  Poller& poller() { return poller_; }
  Shared& shared() { return shared_; }
  Service& service() { return shared_.service; }
  Context& context() { return context_; }
  const HttpOptions& options() const { return context_.options; }

  /// Milliseconds of a monotonic clock, as of the last tick or event.
  int64_t coarse_now_ms() const;
  /// True: what the request under way has written is to be durable before it is answered, and session.synced() will be
  /// called. Sessions that come at once share a sync.
  bool awaits_sync(const std::shared_ptr<Session>& session);
  /// session.run_put() is called, with those of other sessions in one transaction, when all that are ready now have
  /// been looked at; then session.put_done(). Where they cannot share it after all, session.put_alone() is.
  void gather(std::shared_ptr<Session> session);
  /// For a body's bytes between source and socket.
  std::span<char> scratch() { return {scratch_.get(), kScratchBytes}; }

  /// Keeps the session alive until remove().
  void add(std::shared_ptr<Session> session);
  void remove(Session& session);
  /// Idle connections end now, the others with their answer.
  void drain();

 private:
  using Timer = net::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                net::asio::wait_traits<std::chrono::steady_clock>, net::Executor>;
  void tick();
  void run_gathered();
  bool run_together(std::span<const std::shared_ptr<Session>> sessions);

  Shared& shared_;
  net::IoContext io_{1};
  Poller poller_{io_, [this] { run_gathered(); }};
  Context context_;
  Timer timer_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::unique_ptr<char[]> scratch_;
  std::vector<std::shared_ptr<Session>> gathered_;
  Unsynced<Session> unsynced_{io_};
  std::thread thread_;
};

}  // namespace kvfs::http
