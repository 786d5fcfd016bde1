#include "net/listen_address.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace kvfs {

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  ListenAddress address;
  address.optional = text.starts_with('-');
  if (address.optional) text.remove_prefix(1);
  address.text = text;
  const Error malformed{Errc::invalid,
                        "cannot listen on '" + std::string(text) +
                            "': an address looks like 127.0.0.1:3300, [::1]:3300, *:3300 or unix:/run/kvfs.sock, "
                            "with tls: before it for TLS, and - before that if it may be missing"};
  if (text.starts_with("tls:")) {
    address.tls = true;
    text.remove_prefix(4);
  }
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path.size() > 107) return malformed;
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return malformed;
  address.host = host.empty() ? std::string_view("*") : host;
  const std::string_view port = text.substr(colon + 1);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || stop != port.data() + port.size()) return malformed;
  return address;
}

bool machine_has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

Error listen_error(const ListenAddress& address, const boost::system::error_code& error) {
  const std::string what = "cannot listen on " + address.text + ": ";
  switch (error.value()) {
    case EADDRINUSE:
      return {Errc::busy,
              what + "the address is in use. Stop what uses it (ss -ltnp shows it), or choose another with listen"};
    case EACCES:
      return {Errc::access_denied,
              what + "permission denied. Ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one"};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {Errc::invalid, what + "this machine has no such address"};
    default:
      return {Errc::io, what + error.message()};
  }
}

}  // namespace kvfs
