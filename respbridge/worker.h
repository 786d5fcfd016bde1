// A thread with its event loop and the sessions that live on it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "net/mailbox.h"
#include "net/tls.h"
#include "net/unsynced.h"
#include "respbridge/service.h"
#include "respbridge/session.h"
#include "store/descriptor.h"

namespace kvfs::resp {

class Worker : public SessionOwner {
 public:
  explicit Worker(Service& service);
  /// REQUIRES: stop() and join() were called, or run() never.
  ~Worker() override { jobs_done_->close(); }

  EventLoop& loop() override { return loop_; }
  void run();
  /// Any thread: takes a connection, `tls` null: plain.
  void adopt(Descriptor connection, TlsContext tls);
  /// Any thread: closes all sessions and ends the thread.
  void stop();
  void join();
  bool runs() const { return thread_.joinable(); }

  void closed(const std::shared_ptr<Session>& session) override;
  void gather(const std::shared_ptr<Session>& session, size_t bytes) override;
  bool defer_send(Session& session) override;
  void await_sync(const std::shared_ptr<Session>& session, Sequence sequence) override {
    unsynced_.add(session, sequence);
  }
  void run_job(const std::shared_ptr<Session>& session, std::function<Result<void>()> job) override;

 private:
  void begin(Descriptor connection, const TlsContext& tls);
  void settle();
  void run_gathered();
  void send_deferred();
  void tick();

  Service& service_;
  EventLoop loop_{"resp", {[this] { settle(); }}};
  // Of the worker's thread only:
  uint64_t ticks_ = 0;
  std::set<std::shared_ptr<Session>> sessions_;
  std::set<std::shared_ptr<Session>> gone_;  // events of this turn may still point to them
  std::vector<std::shared_ptr<Session>> gathered_;
  size_t gathered_bytes_ = 0;
  std::vector<Session*> deferred_;
  bool sending_ = false;
  Unsynced<Session> unsynced_{loop_};
  const std::shared_ptr<Mailbox> jobs_done_ = std::make_shared<Mailbox>(loop_);  // for the thread that does them
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kvfs::resp
