#include "respbridge/address.h"

#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>

namespace kvfs::resp {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

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

Result<ResolvedAddress> resolve_listen_address(std::string_view text) {
  const Result<ListenAddress> parsed = ListenAddress::parse(text);
  if (!parsed) return parsed.error();
  ResolvedAddress out{*parsed, true, {}};
  if (!out.unix_path.empty()) {
    out.endpoints.emplace_back(asio::local::stream_protocol::endpoint(out.unix_path));
    return out;
  }
  if (out.host == "*") {
    out.local = false;
    // IPv6's takes IPv4, too.
    out.endpoints.emplace_back(tcp::endpoint(machine_has_ipv6() ? tcp::v6() : tcp::v4(), out.port));
    return out;
  }
  boost::system::error_code error;
  asio::io_context io;
  const auto found = tcp::resolver(io).resolve(out.host, std::to_string(out.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return {Errc::invalid, "cannot listen on " + out.text + ": " + (error ? error.message() : "no such host")};
  for (const auto& entry : found) {
    out.local = out.local && entry.endpoint().address().is_loopback();
    out.endpoints.emplace_back(entry.endpoint());
    if (out.port == 0) break;  // one port for the address, not one for each family
  }
  return out;
}

std::string peer_text(int fd) { return text_of(remote_address(fd), fd); }
std::string own_text(int fd) { return text_of(local_address(fd), fd); }

}  // namespace kvfs::resp
