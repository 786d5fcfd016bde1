#include "respbridge/address.h"

#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "net/socket_address.h"

namespace kvfs::resp {

namespace {

/// Clients of a Unix socket have no name: both ends are told by the server's path.
std::string unix_text(const SocketAddress& server) {
  const auto* address = reinterpret_cast<const sockaddr_un*>(server.data());
  const size_t path_bytes =
      server.size() > offsetof(sockaddr_un, sun_path) ? server.size() - offsetof(sockaddr_un, sun_path) : 0;
  return std::string(address->sun_path, ::strnlen(address->sun_path, path_bytes)) + ":0";
}

std::string text_of(const SocketAddress& end, int fd) {
  if (is_unix(end)) return unix_text(local_address(fd));
  const std::string host = host_text(end);
  if (host == "?") return "?:0";
  const std::string port = std::to_string(as_tcp(end).port());
  return host.find(':') != std::string::npos ? "[" + host + "]:" + port : host + ":" + port;
}

}  // namespace

std::string peer_text(int fd) { return text_of(remote_address(fd), fd); }
std::string own_text(int fd) { return text_of(local_address(fd), fd); }

}  // namespace kvfs::resp
