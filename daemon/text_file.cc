#include "daemon/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>

#include "store/descriptor.h"

namespace kvfs {

namespace {

Error failure(const std::string& path, int error) {
  const Errc code = error == ENOENT ? Errc::not_found : error == EACCES ? Errc::access_denied : Errc::io;
  return {code, fmt::format("{}: {}", path, ::strerror(error))};
}

}  // namespace

// No ifstream: it opens a directory, and reads nothing of it without an error.
Result<std::string> read_text_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failure(path, errno);
  std::string text;
  char part[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.get(), part, sizeof part);
    if (got == 0) return text;
    if (got > 0)
      text.append(part, static_cast<size_t>(got));
    else if (errno != EINTR)
      return failure(path, errno);
  }
}

}  // namespace kvfs
