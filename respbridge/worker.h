// A thread with its io_context and the sessions that live on it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "net/mailbox.h"
#include "net/standing.h"
#include "net/unsynced.h"
#include "respbridge/net.h"
#include "respbridge/service.h"
#include "respbridge/session.h"

namespace kvfs::resp {

class Worker : public SessionOwner {
 public:
  explicit Worker(Service& service);
  /// REQUIRES: stop() and join() were called, or run() never.
  ~Worker() override { jobs_done_->close(); }

  asio::io_context& io() { return io_; }
  void run();
  /// Called when the thread begins and after a failure (want of memory), to begin again what is no more under way.
  /// REQUIRES: before run().
  void keep_up(std::function<void()> begin_again) { kept_up_.push_back(std::move(begin_again)); }
  /// Any thread: takes a connection that was accepted for this worker's io().
  void adopt(Socket socket, std::shared_ptr<asio::ssl::context> tls);
  /// Any thread: closes all sessions and ends the thread when their last handlers have run.
  void stop();
  void join();
  bool runs() const { return thread_.joinable(); }

  void closed(const std::shared_ptr<Session>& session) override { sessions_.erase(session); }
  void gather(const std::shared_ptr<Session>& session, size_t bytes) override;
  void await_sync(const std::shared_ptr<Session>& session, Sequence sequence) override {
    unsynced_.add(session, sequence);
  }
  void run_job(const std::shared_ptr<Session>& session, std::function<Result<void>()> job) override;

 private:
  /// False: something was thrown by what no session answers for. True: stopped.
  bool loop();
  void serve();
  void tick();

  Service& service_;
  asio::io_context io_{1};
  asio::executor_work_guard<NetExecutor> work_;
  asio::steady_timer timer_;
  Standing ticking_;
  std::vector<std::function<void()>> kept_up_;
  std::shared_ptr<asio::ssl::context> tls_;      // kept for the sessions that use it; the worker's thread only
  std::set<std::shared_ptr<Session>> sessions_;  // the worker's thread only
  // Of the worker's thread only:
  std::vector<std::shared_ptr<Session>> gathered_;
  size_t gathered_bytes_ = 0;
  Unsynced<Session> unsynced_{io_};
  const std::shared_ptr<Mailbox> jobs_done_ = std::make_shared<Mailbox>(io_);  // for the thread that does them
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kvfs::resp
