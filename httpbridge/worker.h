// One thread of the door: its event loop, its sessions, its clock. What sessions share without locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "httpbridge/access_log.h"
#include "httpbridge/service.h"
#include "net/event_loop.h"
#include "net/unsynced.h"

namespace kvfs::http {

class Session;

/// What all workers of a server share.
struct Shared {
  Service& service;
  AccessLog* access_log = nullptr;     // may be null
  std::atomic<size_t> connections{0};  // seats that are taken
};

/// All functions but stop() and join() run on the worker's own thread (or before start()).
class Worker {
 public:
  static constexpr size_t kScratchBytes = 256 * 1024;

  /// `cpu`: where alone its thread runs, where the system allows it; none: anywhere.
  Worker(Shared& shared, MetricsShard& metrics, std::optional<int> cpu);
  ~Worker();

  /// A place for one connection, counted as long as it lasts.
  class Seat {
   public:
    explicit Seat(Worker& worker)
        : worker_(&worker), admitted_(worker.shared_.connections.fetch_add(1) < worker.options().connections_max) {
      worker.seats_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Seat() {
      if (worker_ == nullptr) return;
      worker_->seats_.fetch_sub(1, std::memory_order_relaxed);
      worker_->shared_.connections.fetch_sub(1);
    }
    Seat(Seat&& other) noexcept : worker_(std::exchange(other.worker_, nullptr)), admitted_(other.admitted_) {}
    Seat& operator=(Seat&&) = delete;
    Worker& worker() const { return *worker_; }
    /// False: it is beyond connections_max.
    bool admitted() const { return admitted_; }

   private:
    Worker* worker_;
    bool admitted_;
  };
  /// Those that are taken. Any thread.
  size_t seats() const { return seats_.load(std::memory_order_relaxed); }

  std::optional<int> cpu() const { return cpu_; }
  void start();
  void stop();
  void join();
  EventLoop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  Service& service() { return shared_.service; }
  Context& context() { return context_; }
  const HttpOptions& options() const { return context_.options; }

  /// Milliseconds of a monotonic clock, as of the last tick, or of the last request.
  int64_t coarse_now_ms() const;
  /// Nanoseconds of a monotonic clock.
  int64_t now_ns();
  /// As now_ns(), but for a session's turn that follows another's without reading the clock again.
  int64_t lap_ns() { return step_ == Step::none ? now_ns() : last_ns_; }

  // Sessions that are ready at once go through their turns in step: all read, then all are answered, then all is sent.
  // The code of each step, most of it the kernel's, is larger than a processor's first cache: going through all of it
  // for each request costs more.

  /// session.run_guarded() is called when all that are ready now have been read. For handlers of the loop's events.
  void take_turn(Session& session) { turns_.push_back(&session); }
  /// Whether answers are to wait for those of the other sessions.
  bool holds_answers() const { return step_ == Step::answer || step_ == Step::commit; }
  /// session.run_guarded() is called when the others have been answered.
  void hold(Session& session) { held_.push_back(&session); }
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
  /// Of sessions that are ready at once. commit: what they write together.
  enum class Step { none, answer, commit, send };

  void tick();
  void forget_gone();
  void run_turns();
  void send_held();
  void run_gathered();
  bool run_together(std::span<const std::shared_ptr<Session>> sessions);

  Shared& shared_;
  const std::optional<int> cpu_;
  std::atomic<size_t> seats_{0};  // outlives the loop, whose posted functions hold some
  EventLoop loop_{"http", {[this] { run_turns(); }}};
  Context context_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::shared_ptr<Session> gone_;  // the last that was removed in this turn, and so on by gone_before
  std::unique_ptr<char[]> scratch_;
  // Of this turn of the loop; sessions that end in it stay alive until after it.
  std::vector<Session*> turns_;
  std::vector<Session*> held_;
  Step step_ = Step::none;
  int64_t last_ns_ = 0;
  std::vector<std::shared_ptr<Session>> gathered_;
  Unsynced<Session> unsynced_{loop_};
  std::thread thread_;
};

}  // namespace kvfs::http
