// Where the door listens and whom it talks to, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/listen_address.h"
#include "respbridge/net.h"
#include "store/result.h"

namespace kvfs::resp {

/// An address with what it stands for.
struct ResolvedAddress : ListenAddress {
  bool local = false;  // a loopback address or a Unix socket
  std::vector<asio::generic::stream_protocol::endpoint> endpoints;
};

/// Errors: invalid (malformed, or a host name that has no address).
Result<ResolvedAddress> resolve_listen_address(std::string_view text);

/// "127.0.0.1:6379", "[::1]:6379", "/path:0" for Unix sockets.
std::string peer_text(const Socket& socket, bool local_end);
/// Whether the other end is on this machine.
bool is_local_peer(const Socket& socket);

}  // namespace kvfs::resp
