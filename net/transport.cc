#include "net/transport.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>

namespace kvfs {

namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

ssize_t receive(int fd, char* into, size_t bytes) {
  ssize_t got;
  do {
    got = ::recv(fd, into, bytes, 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

ssize_t send(int fd, const char* from, size_t bytes) {
  ssize_t put;
  do {
    put = ::send(fd, from, bytes, MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  return put;
}

// A BIO of our own (BIO_meth_new(3)) instead of SSL_set_fd()'s, because it knows whether a read has emptied the socket:
// then the next one, which would find nothing, can be left out.

int read_socket(BIO* bio, char* into, int bytes) {
  auto& socket = *static_cast<Transport::TlsSocket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto got = static_cast<int>(receive(socket.fd, into, static_cast<size_t>(bytes)));
  if (got < 0 && would_block()) BIO_set_retry_read(bio);
  socket.emptied = got < bytes;
  return got;
}

int write_socket(BIO* bio, const char* from, int bytes) {
  const auto& socket = *static_cast<Transport::TlsSocket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto put = static_cast<int>(send(socket.fd, from, static_cast<size_t>(bytes)));
  if (put < 0 && would_block()) BIO_set_retry_write(bio);
  return put;
}

long control_socket(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO* make_bio(Transport::TlsSocket& socket) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(made, read_socket);
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_ctrl(made, control_socket);
    return made;
  }();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &socket);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

Transport::Transport(Descriptor socket, SSL_CTX* tls) : socket_(std::move(socket)) {
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  if (ssl_ == nullptr) throw std::bad_alloc();
  tls_socket_ = std::make_unique<TlsSocket>(TlsSocket{fd()});
  BIO* const bio = make_bio(*tls_socket_);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_read_ahead(ssl_.get(), 1);  // a record's header and its bytes by one read
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_set_accept_state(ssl_.get());
}

Transport::Moved Transport::tls_outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {0, Outcome::wait_read};
    case SSL_ERROR_WANT_WRITE:
      return {0, Outcome::wait_write};
    default:
      ERR_clear_error();
      return {0, Outcome::closed};
  }
}

Transport::Moved Transport::read(std::span<char> into) {
  if (ssl_) {
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(std::min<size_t>(into.size(), INT_MAX)));
    return got > 0 ? Moved{static_cast<size_t>(got), Outcome::moved} : tls_outcome(got);
  }
  const ssize_t got = receive(fd(), into.data(), into.size());
  if (got > 0) return {static_cast<size_t>(got), Outcome::moved};
  return {0, got < 0 && would_block() ? Outcome::wait_read : Outcome::closed};
}

Transport::Moved Transport::write(std::span<const char> from) {
  if (ssl_) {
    ERR_clear_error();
    const int put = SSL_write(ssl_.get(), from.data(), static_cast<int>(std::min<size_t>(from.size(), INT_MAX)));
    return put > 0 ? Moved{static_cast<size_t>(put), Outcome::moved} : tls_outcome(put);
  }
  const ssize_t put = send(fd(), from.data(), from.size());
  if (put >= 0) return {static_cast<size_t>(put), Outcome::moved};
  return {0, would_block() ? Outcome::wait_write : Outcome::closed};
}

void Transport::shutdown_send() {
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd(), SHUT_WR);
}

}  // namespace kvfs
