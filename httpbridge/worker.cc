#include "httpbridge/worker.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <ctime>
#include <utility>

#include "httpbridge/session.h"

namespace kvfs::http {

namespace {
constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kAfterFailure = std::chrono::milliseconds(10);  // memory that there was not may be there then
constexpr size_t kPutsAtOnceMax = 64;                          // larger write sets leave the processor's caches
constexpr size_t kAnswersAtOnceMax = 64;                       // likewise the answers that wait for being sent together
}  // namespace

Worker::Worker(Shared& shared, MetricsShard& metrics)
    : shared_(shared),
      context_(shared.service, metrics, [this](std::function<void()> run) { net::asio::post(io_, std::move(run)); }),
      timer_(io_),
      scratch_(new char[kScratchBytes]) {}

Worker::~Worker() {
  stop();
  join();
}

void Worker::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kvfs-http");
    while (!run()) std::this_thread::sleep_for(kAfterFailure);
  });
}

bool Worker::run() {
  try {
    if (!ticking_.under_way()) tick();
    poller_.keep_up();
    for (const auto& keep_up : kept_up_) keep_up();
    if (unsynced_.size() != 0) unsynced_.ask(service().store());
    io_.run();
    return true;
  } catch (const std::exception& e) {
    spdlog::error("http: {}", e.what());
    return false;
  }
}

void Worker::stop() { io_.stop(); }

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

int64_t Worker::coarse_now_ms() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

int64_t Worker::now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return last_ns_ = now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void Worker::run_turns() {
  now_ns();
  step_ = Step::answer;
  for (Session* const session : turns_) {
    session->run_guarded();
    if (held_.size() < kAnswersAtOnceMax) continue;
    send_held();
    step_ = Step::answer;
  }
  turns_.clear();
  step_ = Step::commit;
  run_gathered();
  send_held();
  step_ = Step::none;
  forget_gone();
}

void Worker::send_held() {
  step_ = Step::send;
  now_ns();
  for (Session* const session : held_) session->run_guarded();
  held_.clear();
}

void Worker::add(std::shared_ptr<Session> session) {
  session->worker_slot = sessions_.size();
  sessions_.push_back(std::move(session));
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  context_.metrics.connections_opened.add();
}

void Worker::remove(Session& session) {
  const size_t slot = session.worker_slot;
  sessions_.back()->worker_slot = slot;
  std::swap(sessions_[slot], sessions_.back());
  // Events of this turn may still point to it. No list that would have to grow: it must go also where there is no
  // memory.
  sessions_.back()->gone_before = std::move(gone_);
  gone_ = std::move(sessions_.back());
  sessions_.pop_back();
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  context_.metrics.connections_closed.add();
}

bool Worker::awaits_sync(const std::shared_ptr<Session>& session) {
  const Sequence sequence = std::exchange(context_.awaits_sync, 0);
  if (sequence == 0) return false;
  unsynced_.add(session, sequence);
  if (unsynced_.size() > 1) return true;
  // Together with those who are ready now.
  net::asio::post(io_, [this] { unsynced_.ask(service().store()); });
  poller_.yield();
  return true;
}

void Worker::gather(std::shared_ptr<Session> session) {
  gathered_.push_back(std::move(session));
  if (step_ == Step::answer || gathered_.size() > 1) return;
  // With those who are ready now.
  net::asio::post(io_, [this] { run_gathered(); });
  poller_.yield();
}

void Worker::forget_gone() {
  for (auto gone = std::exchange(gone_, nullptr); gone != nullptr; gone = std::exchange(gone->gone_before, nullptr)) {
  }
}

void Worker::run_gathered() {
  const std::vector<std::shared_ptr<Session>> sessions = std::exchange(gathered_, {});
  for (std::span<const std::shared_ptr<Session>> rest(sessions); !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), kPutsAtOnceMax));
    rest = rest.subspan(part.size());
    if (part.size() > 1 && run_together(part)) continue;
    for (const auto& session : part) session->put_alone();
  }
}

/// False: at least one of them failed, and nothing was written.
bool Worker::run_together(std::span<const std::shared_ptr<Session>> sessions) {
  try {
    const Result<void> done = service().store().write(
        [&](WriteTxn& txn) -> Result<void> {
          for (const auto& session : sessions)
            if (Result<void> ok = session->run_put(txn); !ok) return ok;
          return {};
        },
        context_.write_options);
    if (!done) return false;
  } catch (const std::exception&) {
    return false;  // whoever brought it about meets it again, alone
  }
  const Sequence awaits_sync = std::exchange(context_.awaits_sync, 0);
  for (const auto& session : sessions) {
    context_.awaits_sync = awaits_sync;
    session->put_done();
  }
  context_.awaits_sync = 0;
  return true;
}

void Worker::drain() {
  const std::vector<std::shared_ptr<Session>> sessions = sessions_;
  for (const auto& session : sessions) session->drain();
}

// One timer for all sessions: deadlines are late by a tick at most.
void Worker::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this, token = ticking_.begin()](const net::ErrorCode& error) mutable {
    if (error) return;
    token.end();
    const int64_t now_ms = coarse_now_ms();
    // Backwards: a session that ends is replaced by one that was looked at already.
    for (size_t i = sessions_.size(); i-- > 0;) {
      if (i >= sessions_.size()) continue;
      const std::shared_ptr<Session> session = sessions_[i];
      try {
        session->check_deadline(now_ms);
      } catch (const std::exception& e) {  // of one session; the timer goes on
        spdlog::error("http: {}", e.what());
      }
    }
    forget_gone();
    if (unsynced_.size() != 0) unsynced_.ask(service().store());  // where it could not be asked at once
    if (shared_.access_log != nullptr) shared_.access_log->flush();
    tick();
  });
}

}  // namespace kvfs::http
