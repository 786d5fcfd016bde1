#include "httpbridge/worker.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "httpbridge/session.h"
#include "store/cpus.h"

namespace kvfs::http {

namespace {
constexpr size_t kPutsAtOnceMax = 64;     // larger write sets leave the processor's caches
constexpr size_t kAnswersAtOnceMax = 64;  // likewise the answers that wait for being sent together
}  // namespace

Worker::Worker(Shared& shared, MetricsShard& metrics, std::optional<int> cpu)
    : shared_(shared),
      cpu_(cpu),
      context_(shared.service, metrics, [this](std::function<void()> run) { loop_.post(std::move(run)); }),
      scratch_(new char[kScratchBytes]) {
  loop_.each_tick([this] { tick(); });
}

Worker::~Worker() {
  stop();
  join();
}

void Worker::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kvfs-http");
    if (cpu_) stay_on_cpus({*cpu_});
    loop_.run();
  });
}

void Worker::stop() { loop_.stop(); }

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

int64_t Worker::coarse_now_ms() const {
  if (step_ != Step::none) return last_ns_ / 1'000'000;
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
  if (!gathered_.empty()) loop_.hurry();  // by clients who sent their next request with the last
  if (unsynced_.size() != 0) unsynced_.ask(service().store());
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
  context_.metrics.connections_closed.add();
}

bool Worker::awaits_sync(const std::shared_ptr<Session>& session) {
  const Sequence sequence = std::exchange(context_.awaits_sync, 0);
  if (sequence == 0) return false;
  unsynced_.add(session, sequence);
  return true;
}

void Worker::gather(std::shared_ptr<Session> session) { gathered_.push_back(std::move(session)); }

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

// One clock for all sessions: deadlines are late by a tick at most.
void Worker::tick() {
  const int64_t now_ms = coarse_now_ms();
  // Backwards: a session that ends is replaced by one that was looked at already.
  for (size_t i = sessions_.size(); i-- > 0;) {
    if (i >= sessions_.size()) continue;
    const std::shared_ptr<Session> session = sessions_[i];
    try {
      session->check_deadline(now_ms);
    } catch (const std::exception& e) {  // of one session; the others have their turn
      spdlog::error("http: {}", e.what());
    }
  }
  if (shared_.access_log != nullptr) shared_.access_log->flush();
}

}  // namespace kvfs::http
