#include "httpbridge/transport.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace kvfs::http {

Transport::Transport(int fd, SSL_CTX* tls) : fd_(fd) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  SSL_set_fd(ssl_.get(), fd_);
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
  for (;;) {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
    if (got > 0) return {static_cast<size_t>(got), Outcome::moved};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, Outcome::wait_read};
    return {0, Outcome::closed};
  }
}

Transport::Moved Transport::write(std::span<const char> from) {
  if (ssl_) {
    ERR_clear_error();
    const int put = SSL_write(ssl_.get(), from.data(), static_cast<int>(std::min<size_t>(from.size(), INT_MAX)));
    return put > 0 ? Moved{static_cast<size_t>(put), Outcome::moved} : tls_outcome(put);
  }
  for (;;) {
    const ssize_t put = ::send(fd_, from.data(), from.size(), MSG_NOSIGNAL);
    if (put >= 0) return {static_cast<size_t>(put), Outcome::moved};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {0, Outcome::wait_write};
    return {0, Outcome::closed};
  }
}

void Transport::shutdown_send() {
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd_, SHUT_WR);
}

void Transport::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace kvfs::http
