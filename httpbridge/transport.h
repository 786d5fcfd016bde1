// Bytes in and out of one connection without waiting: a socket, or TLS on it. Knows nothing of HTTP.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace kvfs::http {

/// Used by one thread.
class Transport {
 public:
  /// Owns `fd`, a connected stream socket, and makes it non-blocking. `tls` null: plain.
  Transport(int fd, SSL_CTX* tls);
  Transport(Transport&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), tls_socket_(std::move(other.tls_socket_)), ssl_(std::move(other.ssl_)) {}
  ~Transport() { close(); }

  enum class Outcome { moved, wait_read, wait_write, closed };
  struct Moved {
    size_t bytes = 0;
    Outcome outcome = Outcome::moved;
  };
  Moved read(std::span<char> into);
  Moved write(std::span<const char> from);

  /// True where read() may have more although it filled less than was asked for.
  bool may_hold_more() const { return ssl_ && (!tls_socket_->emptied || SSL_has_pending(ssl_.get()) == 1); }

  /// What OpenSSL reads from and writes to.
  struct TlsSocket {
    int fd;
    bool emptied = false;  // the last read took all there was
  };

  /// No more bytes to the client.
  void shutdown_send();
  void close();
  int fd() const { return fd_; }

 private:
  explicit Transport(int fd) : fd_(fd) {}
  Moved tls_outcome(int result);

  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int fd_;
  std::unique_ptr<TlsSocket> tls_socket_;  // ssl_ points there
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace kvfs::http
