#include "net/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

namespace kvfs {

namespace {

constexpr std::chrono::minutes kWarnEach{1};
constexpr int kAcceptedAtOnce = 64;  // before the loop's other work has its turn

/// Of one connection that came and went, as accept(2) has it, and nothing that would meet the next one.
bool of_the_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:  // a firewall's rules
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor::Acceptor(EventLoop& loop, Descriptor listening, std::string address, OnConnection on_connection)
    : loop_(loop),
      listening_(std::move(listening)),
      address_(std::move(address)),
      on_connection_(std::move(on_connection)) {}

bool Acceptor::start() {
  loop_.each_tick([this] { retry(); });
  return loop_.add(listening_.get(), *this);
}

void Acceptor::retry() {
  if (std::exchange(failed_, false)) accept();
}

void Acceptor::accept() {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    if (!listening_) return;
    Descriptor connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection) {
      if (of_the_connection(errno)) continue;
      failed_ = errno != EAGAIN && errno != EWOULDBLOCK;
      if (failed_) warn(errno);
      return;
    }
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on);  // fails on Unix sockets, which need it not
    try {
      on_connection_(std::move(connection));
    } catch (const std::exception& e) {  // no memory for this one
      spdlog::error("a connection to {} was dropped: {}", address_, e.what());
    }
  }
  failed_ = true;  // should there be no memory for what follows, the next tick goes on
  loop_.post([this] { retry(); });
}

void Acceptor::warn(int why) {
  const auto now = std::chrono::steady_clock::now();
  if (now < silent_until_) return;
  silent_until_ = now + kWarnEach;
  spdlog::warn("{}: connections wait, accept failed: {}{}", address_, std::strerror(why),
               why == EMFILE || why == ENFILE
                   ? "; raise the limit of open files (ulimit -n, LimitNOFILE=) or lower the doors' limits "
                     "of connections"
                   : "");
}

}  // namespace kvfs
