// Who is at the ends of a connection, as CLIENT LIST and others show it.
#pragma once

#include <string>

namespace kvfs::resp {

/// Of the connected socket `fd`: "127.0.0.1:6379", "[::1]:6379", "/path:0" for Unix sockets.
std::string peer_text(int fd);
/// The same of its other end, which is this server's.
std::string own_text(int fd);

}  // namespace kvfs::resp
