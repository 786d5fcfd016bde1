// Bytes in and out of one connection without waiting: a socket, or TLS on it. Knows no protocol.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "store/descriptor.h"

namespace kvfs {

/// Used by one thread.
class Transport {
 public:
  /// `socket`: connected and non-blocking. `tls` null: plain.
  Transport(Descriptor socket, SSL_CTX* tls);

  enum class Outcome { moved, wait_read, wait_write, closed };
  struct Moved {
    size_t bytes = 0;
    Outcome outcome = Outcome::moved;
  };
  Moved read(std::span<char> into);
  Moved write(std::span<const char> from);

  /// True where read() may have more although it filled less than was asked for.
  bool may_hold_more() const { return ssl_ && (!tls_socket_->emptied || SSL_has_pending(ssl_.get()) == 1); }

  /// TLS, where it is used, is agreed upon.
  bool secured() const { return !ssl_ || SSL_is_init_finished(ssl_.get()) == 1; }

  /// What OpenSSL reads from and writes to.
  struct TlsSocket {
    int fd;
    bool emptied = false;  // the last read took all there was
  };

  /// No more bytes to the client.
  void shutdown_send();
  void close() { socket_.close(); }
  int fd() const { return socket_.get(); }

 private:
  Moved tls_outcome(int result);

  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Descriptor socket_;
  std::unique_ptr<TlsSocket> tls_socket_;  // ssl_ points there
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace kvfs
