// Bytes in and out of one connection without waiting: a socket, or TLS on it. Knows nothing of HTTP.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>

#include "httpbridge/net.h"

namespace kvfs::http {

/// Used by one thread.
class Transport {
 public:
  /// `tls` null: plain. The socket is made non-blocking.
  Transport(net::Socket socket, SSL_CTX* tls);

  enum class Outcome { moved, wait_read, wait_write, closed };
  struct Moved {
    size_t bytes = 0;
    Outcome outcome = Outcome::moved;
  };
  Moved read(std::span<char> into);
  Moved write(std::span<const char> from);

  /// True where read() may have more although it filled less than was asked for.
  bool may_hold_more() const { return ssl_ != nullptr; }

  /// True if the client has closed its side (looks, takes nothing).
  bool peer_closed();

  /// No more bytes to the client.
  void shutdown_send();
  void close();
  net::Socket& socket() { return socket_; }

 private:
  Moved tls_outcome(int result);

  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  net::Socket socket_;
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace kvfs::http
