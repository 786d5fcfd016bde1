// Where the door listens and whom it talks to, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/listen_address.h"
#include "net/socket_address.h"
#include "store/result.h"

namespace kvfs::resp {

/// An address with what it stands for.
struct ResolvedAddress : ListenAddress {
  bool local = false;  // a loopback address or a Unix socket
  std::vector<SocketAddress> endpoints;
};

/// Errors: invalid (malformed, or a host name that has no address).
Result<ResolvedAddress> resolve_listen_address(std::string_view text);

/// Of the connected socket `fd`: "127.0.0.1:6379", "[::1]:6379", "/path:0" for Unix sockets.
std::string peer_text(int fd);
/// The same of its other end, which is this server's.
std::string own_text(int fd);

}  // namespace kvfs::resp
