#include "tests/httpbridge/wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace kvfs::http {

namespace {
constexpr int kPatienceMs = 10'000;
}

namespace {
StoreOptions at(std::string engine_path) {
  StoreOptions options;
  options.engine.kind = engine_path.empty() ? "memory" : "lmdb";
  options.engine.path = std::move(engine_path);
  options.feed_capacity = WireServer::kFeedCapacity;
  return options;
}
}  // namespace

WireServer::WireServer(HttpOptions options, std::string engine_path)
    : WireServer(std::move(options), at(std::move(engine_path))) {}

WireServer::WireServer(HttpOptions options, StoreOptions store_options) {
  store_ = *Store::open(store_options);
  if (options.listen == HttpOptions{}.listen) options.listen = {"127.0.0.1:0"};
  if (options.threads == 0) options.threads = 2;
  auto started = HttpServer::start(*store_, std::move(options));
  if (!started) throw StoreException(started.error());
  server_ = std::move(*started);
}

Wire::Wire(uint16_t port, Family family)
    : fd_(::socket(family == Family::ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  const int failed = family == Family::ipv6 ? ::connect(fd_, reinterpret_cast<sockaddr*>(&v6), sizeof v6)
                                            : ::connect(fd_, reinterpret_cast<sockaddr*>(&v4), sizeof v4);
  if (failed != 0) ADD_FAILURE() << "connect: " << std::strerror(errno);
  const int yes = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

Wire::Wire(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    ADD_FAILURE() << "connect: " << std::strerror(errno);
}

Wire::~Wire() { ::close(fd_); }

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server may have refused meanwhile: its answer tells
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void Wire::end_sending() { ::shutdown(fd_, SHUT_WR); }

bool Wire::more() {
  pollfd wait{fd_, POLLIN, 0};
  if (::poll(&wait, 1, kPatienceMs) != 1) {
    ADD_FAILURE() << "no answer; so far: " << buffer_.substr(0, 500);
    return false;
  }
  char bytes[65536];
  const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(got));
  return true;
}

std::string Wire::receive_through(std::string_view mark) {
  size_t at = 0;
  while ((at = buffer_.find(mark)) == std::string::npos)
    if (!more()) return {};
  const std::string taken = buffer_.substr(0, at + mark.size());
  buffer_.erase(0, taken.size());
  return taken;
}

std::string Wire::Reply::field(std::string_view name) const {
  const size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

Wire::Reply Wire::receive(bool no_body) {
  Reply reply;
  reply.head = receive_through("\r\n\r\n");
  if (reply.head.size() < 12) return reply;
  reply.status = std::stoi(reply.head.substr(9, 3));
  if (no_body || reply.status == 204 || reply.status == 304 || reply.status == 100) return reply;
  if (reply.field("Transfer-Encoding") == "chunked") {
    for (;;) {
      const std::string line = receive_through("\r\n");
      if (line.empty()) return reply;
      const size_t bytes = std::stoul(line, nullptr, 16);
      while (buffer_.size() < bytes + 2)
        if (!more()) return reply;
      reply.body.append(buffer_, 0, bytes);
      buffer_.erase(0, bytes + 2);
      if (bytes == 0) return reply;
    }
  }
  const size_t bytes = reply.field("Content-Length").empty() ? 0 : std::stoul(reply.field("Content-Length"));
  while (buffer_.size() < bytes)
    if (!more()) break;
  reply.body = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return reply;
}

bool Wire::silent() const {
  pollfd now{fd_, POLLIN, 0};
  return buffer_.empty() && ::poll(&now, 1, 0) == 0;
}

bool Wire::closed() {
  if (!buffer_.empty()) return false;
  pollfd wait{fd_, POLLIN, 0};
  if (::poll(&wait, 1, kPatienceMs) != 1) return false;
  char byte;
  return ::recv(fd_, &byte, 1, 0) <= 0;
}

}  // namespace kvfs::http
