#include "net/listening_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/result.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kvfs {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
template <class Value>
using SystemResult = boost::system::result<Value>;

/// Why one cannot listen on an address, and what to do.
Error listen_error(const ListenAddress& address, int why) {
  const std::string what = "cannot listen on " + address.text + ": ";
  switch (why) {
    case EADDRINUSE:
      return {Errc::busy,
              what + "the address is in use. Stop what uses it (ss -ltnp shows it), or choose another with listen"};
    case EACCES:
      return {Errc::access_denied,
              what + "permission denied. Ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one"};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {Errc::not_found, what + "this machine has no such address"};
    default:
      return {Errc::io, what + std::strerror(why)};
  }
}

bool machine_has_ipv6() { return bool(Descriptor(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0))); }

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// A socket that is bound and listens.
SystemResult<Descriptor> open_socket(const SocketAddress& endpoint, int backlog, bool shares_port, bool takes_ipv4) {
  const int family = endpoint.protocol().family();
  Descriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket && (family == AF_UNIX || set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1)) &&
      (!shares_port || set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT, 1)) &&
      (family != AF_INET6 || set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, !takes_ipv4)) &&
      ::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 &&
      ::listen(socket.get(), backlog) == 0)
    return socket;
  return boost::system::error_code(errno, boost::system::system_category());
}

/// `copies` of them, with one port. Sockets that share a port would also share it with another server: one that does
/// not share finds that.
SystemResult<std::vector<Descriptor>> open_sockets(SocketAddress endpoint, int backlog, size_t copies,
                                                   bool takes_ipv4) {
  if (copies > 1 && as_tcp(endpoint).port() != 0)
    if (auto probe = open_socket(endpoint, 1, false, takes_ipv4); !probe) return probe.error();
  std::vector<Descriptor> sockets;
  while (sockets.size() < copies) {
    auto socket = open_socket(endpoint, backlog, copies > 1, takes_ipv4);
    if (!socket) return socket.error();
    endpoint = local_address(socket->get());
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

/// Removes the socket of a server that is gone. Errors: busy (it answers), exists (it is no socket).
Result<void> clear_path(const ResolvedAddress& address) {
  const std::string& path = address.unix_path;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return {Errc::exists, "cannot listen on " + address.text + ": " + path + " exists and is not a socket"};
  const SocketAddress& server = address.endpoints.front();
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return listen_error(address, errno);
  if (::connect(probe.get(), server.data(), static_cast<socklen_t>(server.size())) == 0)
    return listen_error(address, EADDRINUSE);
  if (errno == ECONNREFUSED) ::unlink(path.c_str());
  return {};
}

Result<Listening> listen_on_path(const ResolvedAddress& address, int backlog) {
  if (auto cleared = clear_path(address); !cleared) return cleared.error();
  auto socket = open_socket(address.endpoints.front(), backlog, false, false);
  if (!socket) return listen_error(address, socket.error().value());
  Listening out;
  out.path = SocketPath(address.unix_path);
  out.sockets.emplace_back().push_back(std::move(*socket));
  return out;
}

}  // namespace

Result<ResolvedAddress> resolve(const ListenAddress& address) {
  ResolvedAddress out{address, true, {}};
  if (!out.unix_path.empty()) {
    out.endpoints.emplace_back(asio::local::stream_protocol::endpoint(out.unix_path));
    return out;
  }
  if (out.host == "*") {
    out.local = false;
    out.endpoints.emplace_back(tcp::endpoint(machine_has_ipv6() ? tcp::v6() : tcp::v4(), out.port));
    return out;
  }
  const auto add = [&out](const tcp::endpoint& endpoint) {
    out.local = out.local && endpoint.address().is_loopback();
    if (out.port != 0 || out.endpoints.empty()) out.endpoints.emplace_back(endpoint);
  };
  if (out.host == "localhost") {
    add({asio::ip::address_v4::loopback(), out.port});
    add({asio::ip::address_v6::loopback(), out.port});
    return out;
  }
  boost::system::error_code error;
  asio::io_context io;
  const auto found = tcp::resolver(io).resolve(out.host, std::to_string(out.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return {Errc::not_found, "cannot listen on " + out.text + ": " + (error ? error.message() : "no such host")};
  for (const auto& entry : found) add(entry.endpoint());
  return out;
}

SocketPath& SocketPath::operator=(SocketPath&& other) noexcept {
  remove();
  path_ = std::exchange(other.path_, {});
  return *this;
}

void SocketPath::remove() {
  if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

Result<Listening> listen_on(const ResolvedAddress& address, int backlog, size_t copies) {
  if (!address.unix_path.empty()) return listen_on_path(address, backlog);
  Listening out;
  for (const SocketAddress& endpoint : address.endpoints) {
    auto sockets = open_sockets(endpoint, backlog, copies, address.host == "*");
    if (sockets) {
      out.port = as_tcp(local_address(sockets->front().get())).port();
      out.sockets.push_back(std::move(*sockets));
    } else if (const int why = sockets.error().value();
               address.endpoints.size() == 1 || (why != EADDRNOTAVAIL && why != EAFNOSUPPORT)) {
      return listen_error(address, why);
    }
  }
  if (out.sockets.empty()) return listen_error(address, EADDRNOTAVAIL);
  return out;
}

}  // namespace kvfs
