#include "net/listen_address.h"

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

}  // namespace kvfs
