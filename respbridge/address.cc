#include "respbridge/address.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>

namespace kvfs::resp {

namespace {

using asio::ip::tcp;
using Endpoint = asio::generic::stream_protocol::endpoint;

/// The TCP form of a generic endpoint; a port of 0 where it is none.
tcp::endpoint as_tcp(const Endpoint& endpoint) {
  tcp::endpoint out;
  const int family = endpoint.protocol().family();
  if (family != AF_INET && family != AF_INET6) return out;
  out.resize(endpoint.size());
  std::memcpy(out.data(), endpoint.data(), endpoint.size());
  return out;
}

std::string text_of(const Endpoint& endpoint) {
  const tcp::endpoint tcp_form = as_tcp(endpoint);
  const std::string host = tcp_form.address().to_string();
  const std::string port = std::to_string(tcp_form.port());
  return tcp_form.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

bool is_unix(const Endpoint& endpoint) { return endpoint.protocol().family() == AF_UNIX; }

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
  error_code error;
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

std::string peer_text(const Socket& socket, bool local_end) {
  error_code error;
  const Endpoint endpoint = local_end ? socket.local_endpoint(error) : socket.remote_endpoint(error);
  if (error) return "?:0";
  if (!is_unix(endpoint)) return text_of(endpoint);
  // Clients of a Unix socket have no name: both ends are told by the server's path.
  const Endpoint named = socket.local_endpoint(error);
  const auto* address = reinterpret_cast<const sockaddr_un*>(named.data());
  const size_t path_bytes =
      named.size() > offsetof(sockaddr_un, sun_path) ? named.size() - offsetof(sockaddr_un, sun_path) : 0;
  return std::string(address->sun_path, ::strnlen(address->sun_path, path_bytes)) + ":0";
}

bool is_local_peer(const Socket& socket) {
  error_code error;
  const Endpoint endpoint = socket.remote_endpoint(error);
  if (error) return false;
  if (is_unix(endpoint)) return true;
  asio::ip::address address = as_tcp(endpoint).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.is_loopback();
}

}  // namespace kvfs::resp
