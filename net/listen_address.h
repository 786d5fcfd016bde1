// Where a door listens, as configured: "127.0.0.1:3300", "[::1]:3300", "*:3300", "localhost:0", "unix:/path",
// "tls:...", "-...".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

struct ListenAddress {
  std::string text;  // as configured, without the '-'
  std::string host;  // "*": all addresses
  uint16_t port = 0;
  std::string unix_path;  // instead of host and port
  bool tls = false;
  bool optional = false;  // "-" before it: left out where the machine has no such address (as redis.conf has it)

  /// Errors: invalid, saying what is wrong and how an address looks.
  static Result<ListenAddress> parse(std::string_view text);
};

}  // namespace kvfs
