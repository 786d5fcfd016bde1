// Who is at the ends of a connection.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace kvfs {

/// TCP and Unix sockets alike.
using SocketAddress = boost::asio::generic::stream_protocol::endpoint;

/// Of the connected socket `fd`; of no family (AF_UNSPEC) where it is not connected any more.
SocketAddress remote_address(int fd);
SocketAddress local_address(int fd);

bool is_unix(const SocketAddress& address);
/// IPv4's also where it came to a socket of IPv6. REQUIRES: TCP's.
boost::asio::ip::tcp::endpoint as_tcp(const SocketAddress& address);
/// "127.0.0.1", "::1", "unix", and "?" where it is of no family.
std::string host_text(const SocketAddress& address);
/// A loopback address or a Unix socket.
bool is_local(const SocketAddress& address);

}  // namespace kvfs
