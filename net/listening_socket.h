// Sockets that listen where the configuration says, for all doors alike.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "net/listen_address.h"
#include "net/socket_address.h"
#include "store/descriptor.h"
#include "store/result.h"

namespace kvfs {

/// An address with what it stands for.
struct ResolvedAddress : ListenAddress {
  bool local = false;                    // only this machine reaches it: loopback addresses, a Unix socket
  std::vector<SocketAddress> endpoints;  // several where a name has several addresses; with port 0 one alone
};

/// "localhost" needs no name service. Errors: invalid (malformed), not_found (a host name that has no address).
Result<ResolvedAddress> resolve(const ListenAddress& address);

/// The path of a Unix socket that somebody listens on; removed at its end.
class SocketPath {
 public:
  explicit SocketPath(std::string path = {}) : path_(std::move(path)) {}
  ~SocketPath() { remove(); }
  SocketPath(SocketPath&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  SocketPath& operator=(SocketPath&& other) noexcept;
  void remove();

 private:
  std::string path_;  // empty: none
};

struct Listening {
  std::vector<std::vector<Descriptor>> sockets;  // of each endpoint; non-blocking
  uint16_t port = 0;                             // 0: a Unix socket
  SocketPath path;
};

/// Each endpoint has `copies` sockets that share its port (SO_REUSEPORT), but a Unix socket one alone. The path that a
/// server which is no more left behind is taken over; addresses of a name that this machine does not have are left out.
/// `backlog`: connections that wait to be accepted; the kernel has a limit of its own (somaxconn).
/// Errors: busy (in use), access_denied, exists (the path is no socket), not_found (no such address), io; each says
/// what to do. REQUIRES: copies > 0.
Result<Listening> listen_on(const ResolvedAddress& address, int backlog, size_t copies);

}  // namespace kvfs
