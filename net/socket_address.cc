#include "net/socket_address.h"

#include <sys/socket.h>

#include <cstring>

namespace kvfs {

namespace {

template <class GetName>
SocketAddress address_of(int fd, const GetName& get_name) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof storage;
  if (get_name(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) return {};
  return SocketAddress(&storage, bytes);
}

bool is_tcp(const SocketAddress& address) {
  return address.protocol().family() == AF_INET || address.protocol().family() == AF_INET6;
}

}  // namespace

SocketAddress remote_address(int fd) { return address_of(fd, ::getpeername); }
SocketAddress local_address(int fd) { return address_of(fd, ::getsockname); }

bool is_unix(const SocketAddress& address) { return address.protocol().family() == AF_UNIX; }

boost::asio::ip::tcp::endpoint as_tcp(const SocketAddress& address) {
  namespace ip = boost::asio::ip;
  ip::tcp::endpoint out(address.protocol().family() == AF_INET6 ? ip::tcp::v6() : ip::tcp::v4(), 0);
  std::memcpy(out.data(), address.data(), address.size());
  out.resize(address.size());
  if (out.address().is_v6() && out.address().to_v6().is_v4_mapped())
    out.address(ip::make_address_v4(ip::v4_mapped, out.address().to_v6()));
  return out;
}

std::string host_text(const SocketAddress& address) {
  if (is_unix(address)) return "unix";
  return is_tcp(address) ? as_tcp(address).address().to_string() : "?";
}

bool is_local(const SocketAddress& address) {
  return is_unix(address) || (is_tcp(address) && as_tcp(address).address().is_loopback());
}

}  // namespace kvfs
