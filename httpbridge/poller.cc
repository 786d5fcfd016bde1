#include "httpbridge/poller.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <exception>
#include <system_error>
#include <utility>

namespace kvfs::http {

namespace {

constexpr int kEventsAtOnce = 256;
constexpr int kRoundsMax = 32;  // before the event loop's other work has its turn

int make_set() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

/// Edges are told once, and the set is waited for again only after all of them: what one handler throws (there is no
/// memory) must not take the others' turn.
template <class Call>
void unfailing(const Call& call) {
  try {
    call();
  } catch (const std::exception& e) {
    spdlog::error("http: {}", e.what());
  }
}

}  // namespace

Poller::Poller(net::IoContext& io, std::function<void()> after) : set_(io, make_set()), after_(std::move(after)) {}

bool Poller::add(int fd, Handler& handler) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wanted.data.ptr = &handler;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void Poller::keep_up() {
  if (waiting_.under_way()) return;
  auto turn = [this, token = waiting_.begin()](const net::ErrorCode& error) mutable {
    if (error) return;
    // While connections keep this thread busy, asking again is cheaper than waiting again.
    yields_ = false;
    for (int round = 0; round < kRoundsMax && !yields_ && dispatch() > 0;) ++round;
    token.end();
    keep_up();
  };
  set_.async_wait(net::asio::posix::descriptor_base::wait_read, std::move(turn));
}

int Poller::dispatch() {
  epoll_event events[kEventsAtOnce];
  const int count = ::epoll_wait(set_.native_handle(), events, kEventsAtOnce, 0);
  for (int i = 0; i < count; ++i) {
    const uint32_t what = events[i].events;
    Event event;
    event.readable = (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    event.hung_up = (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    unfailing([&] { static_cast<Handler*>(events[i].data.ptr)->on_ready(event); });
  }
  unfailing(after_);
  return count;
}

}  // namespace kvfs::http
