#include "fusefs/session_loop.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "fusefs/request_threads.h"

namespace kvfs {

struct RequestBuffer {
  fuse_buf buf{};
  RequestBuffer() = default;
  RequestBuffer(const RequestBuffer&) = delete;
  ~RequestBuffer() { std::free(buf.mem); }
};

namespace {

constexpr unsigned kReadersMin = 2;
constexpr unsigned kRequestsPerAdjustment = 16;
constexpr std::chrono::milliseconds kMemoryWait{10};

/// The loop whose reader this thread is while it processes a request.
thread_local SessionLoop* reading_for = nullptr;
/// It is a reader no more.
thread_local bool handed_over = false;

}  // namespace

SessionLoop::SessionLoop(fuse_session* session, const SessionLoopOptions& options)
    : session_(session),
      threads_max_(options.threads_max),
      readers_min_(std::min(threads_max_, kReadersMin)),
      readers_max_(std::min(threads_max_, std::max(kReadersMin, std::thread::hardware_concurrency()))),
      readers_wanted_(readers_min_) {}

SessionLoop::~SessionLoop() { stop(); }

Result<void> SessionLoop::start() {
  struct sigaction nothing {};  // it only has to end a read(2), so without SA_RESTART
  nothing.sa_handler = [](int) {};
  if (sigaction(SIGRTMIN, &nothing, nullptr) != 0)
    return Error{Errc::io, "sigaction: " + std::generic_category().message(errno)};
  const std::lock_guard lock(mutex_);
  while (running_ < readers_wanted_ && add_worker_locked()) {
  }
  if (running_ == 0) return Error{Errc::limit_reached, "no thread can be started for the mount"};
  return {};
}

bool SessionLoop::add_worker_locked() {
  const auto start = [this](Worker& worker) { return std::thread([this, &worker] { run(worker); }); };
  if (!start_one_more(workers_, start)) return false;
  running_++;
  return true;
}

void SessionLoop::call_reader_locked(bool in_any_case) {
  if (idle_ > 0) {
    reader_wanted_.notify_one();
  } else if (running_ < threads_max_ || in_any_case) {
    (void)add_worker_locked();  // else whoever is done first reads
  }
}

void SessionLoop::stop() {
  end();
  std::list<Worker> workers;
  {
    std::unique_lock lock(mutex_);
    interrupt_until(lock, changed_, workers_, [&] { return running_ == 0; });
    workers.swap(workers_);
  }
  for (Worker& worker : workers) worker.thread.join();
}

void SessionLoop::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_.load(); });
}

void SessionLoop::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  reader_wanted_.notify_all();
  changed_.notify_all();
}

void SessionLoop::about_to_block() {
  if (reading_for != nullptr && !handed_over) reading_for->hand_over(false);
}

void SessionLoop::about_to_wait_for_requests() {
  if (reading_for != nullptr) reading_for->hand_over(true);
}

void SessionLoop::hand_over(bool in_any_case) {
  if (threads_max_ <= 1 && !in_any_case) return;
  const std::lock_guard lock(mutex_);
  if (!handed_over) readers_--;
  handed_over = true;
  if (!ended_ && readers_ == 0) call_reader_locked(in_any_case);
}

void SessionLoop::run(Worker& worker) {
  block_other_signals();
  RequestBuffer buffer;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      idle_++;
      reader_wanted_.wait(lock, [&] { return readers_ < readers_wanted_ || ended_; });
      idle_--;
      if (ended_) break;
      readers_++;
    }
    reading_for = this;
    handed_over = false;
    serve(worker, buffer);
    reading_for = nullptr;
  }
  const std::lock_guard lock(mutex_);
  running_--;
  changed_.notify_all();
}

void SessionLoop::serve(Worker& worker, RequestBuffer& buffer) {
  for (unsigned taken = 1; !handed_over; ++taken) {
    worker.waiting = true;
    const int got = ended_ ? 0 : fuse_session_receive_buf(session_, &buffer.buf);
    worker.waiting = false;
    if (got == -EINTR) continue;
    if (got == -ENOMEM) {
      std::this_thread::sleep_for(kMemoryWait);
      continue;
    }
    if (got <= 0) return end();  // unmounted, or stopped
    if (taken % kRequestsPerAdjustment == 0) adjust();
    fuse_session_process_buf(session_, &buffer.buf);
  }
}

void SessionLoop::adjust() {
  pollfd event{fuse_session_fd(session_), POLLIN, 0};
  const bool requests_wait = poll(&event, 1, 0) == 1;
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  if (requests_wait && readers_wanted_ < readers_max_) {
    readers_wanted_++;
    call_reader_locked(false);
  } else if (!requests_wait && readers_wanted_ > readers_min_) {
    readers_wanted_--;
    readers_--;
    handed_over = true;
  }
}

}  // namespace kvfs
