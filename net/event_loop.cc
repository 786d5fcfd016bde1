#include "net/event_loop.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <exception>
#include <system_error>

namespace kvfs {

namespace {

constexpr int kEventsAtOnce = 256;

int64_t coarse_now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

}  // namespace

EventLoop::EventLoop(std::string_view name, Hooks hooks) : name_(name), hooks_(std::move(hooks)) {
  set_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  if (set_ >= 0 && wake_fd_ >= 0 && ::epoll_ctl(set_, EPOLL_CTL_ADD, wake_fd_, &wanted) == 0) return;
  const int failed = errno;
  if (set_ >= 0) ::close(set_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
  throw std::system_error(failed, std::generic_category(), name_ + ": epoll");
}

EventLoop::~EventLoop() {
  ::close(wake_fd_);
  ::close(set_);
}

bool EventLoop::add(int fd, Handler& handler) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wanted.data.ptr = &handler;
  return ::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void EventLoop::remove(int fd) { (void)::epoll_ctl(set_, EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::wake() const {
  const uint64_t one = 1;
  // Fails where the counter is full, and then it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void EventLoop::post(std::function<void()> run) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(run));
  }
  if (first) wake();
}

void EventLoop::stop() {
  stopped_ = true;
  wake();
}

template <class Call>
void EventLoop::unfailing(const Call& call) {
  try {
    call();
  } catch (const std::exception& e) {
    spdlog::error("{}: {}", name_, e.what());
  }
}

void EventLoop::run() {
  next_tick_ms_ = coarse_now_ms() + hooks_.tick.count();
  while (!stopped_) {
    run_events();
    unfailing(hooks_.settle);
    if (run_timers()) unfailing(hooks_.settle);
    if (coarse_now_ms() < next_tick_ms_) continue;
    for (const auto& run : each_tick_) unfailing(run);
    unfailing(hooks_.settle);
    next_tick_ms_ = coarse_now_ms() + hooks_.tick.count();
  }
}

void EventLoop::run_events() {
  epoll_event events[kEventsAtOnce];
  const int count = ::epoll_wait(set_, events, kEventsAtOnce, timeout_ms());
  // First what was posted: connections that come after something was posted meet what it has changed.
  for (int i = 0; i < count; ++i)
    if (events[i].data.ptr == nullptr) run_posted();
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr) continue;
    const uint32_t what = events[i].events;
    Event event;
    event.readable = (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    event.hung_up = (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    unfailing([&] { static_cast<Handler*>(events[i].data.ptr)->on_ready(event); });
  }
}

void EventLoop::run_posted() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& run : running_) {
    unfailing(run);
    run = nullptr;  // what it holds goes before the next one runs
  }
  running_.clear();
}

int EventLoop::timeout_ms() {
  if (std::exchange(hurries_, false)) return 0;
  int64_t left_ms = next_tick_ms_ - coarse_now_ms();
  if (!timers_.empty()) {
    const auto left = timers_.begin()->first - std::chrono::steady_clock::now();
    left_ms = std::min(left_ms, std::chrono::ceil<std::chrono::milliseconds>(left).count());
  }
  return static_cast<int>(std::max<int64_t>(left_ms, 0));
}

bool EventLoop::run_timers() {
  if (timers_.empty()) return false;
  bool any = false;
  const auto now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer* const timer = timers_.begin()->second;
    timers_.erase(timers_.begin());
    unfailing(std::exchange(timer->run_, nullptr));  // which may end the timer
    any = true;
  }
  return any;
}

void EventLoop::Timer::start(std::chrono::nanoseconds after, std::function<void()> run) {
  cancel();
  due_ = std::chrono::steady_clock::now() + std::chrono::ceil<std::chrono::milliseconds>(after);
  loop_.timers_.emplace(due_, this);
  run_ = std::move(run);
}

void EventLoop::Timer::cancel() {
  if (!run_) return;
  loop_.timers_.erase({due_, this});
  run_ = nullptr;
}

}  // namespace kvfs
