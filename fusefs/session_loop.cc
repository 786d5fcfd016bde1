#include "fusefs/session_loop.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

namespace kvfs {

struct Buffer {
  fuse_buf buf{};
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  ~Buffer() { std::free(buf.mem); }
};

namespace {

// After so many requests in a row without waiting, it is worth asking whether there are more than one thread can do.
// A lone client that shares our CPU makes long runs, too: it runs when we have replied, and asks before we read again.
constexpr unsigned kRunBeforeAsking = 8;

// The longest run of waits without polling after polling was futile.
constexpr unsigned kPollsOffMax = 1024;

/// The loop whose reader this thread is while it processes a request.
thread_local SessionLoop* reading_for = nullptr;
thread_local bool handed_over = false;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

SessionLoop::SessionLoop(fuse_session* session, const SessionLoopOptions& options)
    : session_(session), options_(options), device_(fuse_session_fd(session)) {}

SessionLoop::~SessionLoop() {
  stop();
  if (stop_event_ >= 0) close(stop_event_);
}

Result<void> SessionLoop::start() {
  stop_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_event_ < 0) return Error{Errc::io, "eventfd: " + std::generic_category().message(errno)};
  const std::lock_guard lock(mutex_);
  running_++;
  threads_.emplace_back([this] { run(); });
  return {};
}

void SessionLoop::stop() {
  end();
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void SessionLoop::wait() {
  std::unique_lock lock(mutex_);
  ended_changed_.wait(lock, [&] { return ended_.load(); });
}

void SessionLoop::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  if (stop_event_ >= 0) eventfd_write(stop_event_, 1);
  reader_free_.notify_all();
  ended_changed_.notify_all();
}

void SessionLoop::about_to_block() {
  if (reading_for != nullptr && !handed_over) reading_for->hand_over();
}

void SessionLoop::about_to_wait_for_requests() {
  if (reading_for != nullptr) reading_for->hand_over(true);
}

void SessionLoop::hand_over(bool in_any_case) {
  if (options_.threads_max <= 1 && !in_any_case) return;
  const std::lock_guard lock(mutex_);
  if (!handed_over) has_reader_ = false;
  handed_over = true;
  if (ended_ || has_reader_) return;
  if (idle_ > 0) {
    reader_free_.notify_one();
  } else if (running_ < options_.threads_max || in_any_case) {
    running_++;
    threads_.emplace_back([this] { run(); });
  }
}

void SessionLoop::run() {
  // Signals are the daemon's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  Buffer buffer;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      idle_++;
      reader_free_.wait(lock, [&] { return !has_reader_ || ended_; });
      idle_--;
      if (ended_) return;
      has_reader_ = true;
    }
    reading_for = this;
    handed_over = false;
    while (!handed_over) {
      if (!receive(buffer)) {
        reading_for = nullptr;
        end();
        return;
      }
      if (has_backlog()) hand_over();
      fuse_session_process_buf(session_, &buffer.buf);
    }
    reading_for = nullptr;
  }
}

bool SessionLoop::receive(Buffer& buffer) {
  bool came_at_once = true;
  int64_t idle_since_ns = 0;
  while (!ended_) {
    const int got = fuse_session_receive_buf(session_, &buffer.buf);
    if (got > 0) {
      at_once_ = came_at_once ? at_once_ + 1 : 0;
      if (!came_at_once && options_.spin_us > 0) {
        if (quick_succession_ && polls_off_ == 0) polls_off_next_ = 1;
        quick_succession_ = now_ns() - idle_since_ns < int64_t{options_.spin_us} * 2000;
      }
      return true;
    }
    if (got == -EINTR) continue;
    if (got != -EAGAIN) return false;  // unmounted
    if (idle_since_ns == 0) idle_since_ns = now_ns();
    came_at_once = false;
    if (!wait_for_request(idle_since_ns)) return false;
  }
  return false;
}

bool SessionLoop::has_backlog() {
  if (at_once_ < kRunBeforeAsking || options_.threads_max <= 1) return false;
  pollfd event{device_, POLLIN, 0};
  if (poll(&event, 1, 0) == 1) return true;
  at_once_ = 0;
  return false;
}

bool SessionLoop::wait_for_request(int64_t idle_since_ns) {
  if (quick_succession_ && polls_off_ == 0) {
    if (now_ns() - idle_since_ns < int64_t{options_.spin_us} * 1000) {
      std::this_thread::yield();  // to a client that shares our CPU
      return true;                // try again
    }
    // Futile: the client may be waiting for the CPU that we poll on.
    polls_off_ = polls_off_next_;
    polls_off_next_ = std::min(polls_off_next_ * 2, kPollsOffMax);
  } else if (polls_off_ > 0) {
    polls_off_--;
  }
  pollfd events[2] = {{device_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
  while (poll(events, 2, -1) < 0)
    if (errno != EINTR) return false;
  return events[1].revents == 0;
}

}  // namespace kvfs
