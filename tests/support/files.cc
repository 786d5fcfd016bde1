#include "tests/support/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>

namespace kvfs::test {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw std::runtime_error(what + " " + path + ": " + std::strerror(errno));
}

int write_with_flags(const std::string& path, std::string_view bytes, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      error = errno;
    } else {
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  if (::close(fd) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

std::optional<std::string> try_read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string bytes;
  std::vector<char> buffer(128 * 1024);
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) bytes.append(buffer.data(), static_cast<size_t>(n));
  const int error = errno;
  ::close(fd);
  if (n < 0) {
    errno = error;
    return std::nullopt;
  }
  return bytes;
}

std::string read_file(const std::string& path) {
  auto bytes = try_read_file(path);
  if (!bytes) fail("cannot read", path);
  return *std::move(bytes);
}

int try_write_file(const std::string& path, std::string_view bytes) { return write_with_flags(path, bytes, O_TRUNC); }

void write_file(const std::string& path, std::string_view bytes) {
  errno = try_write_file(path, bytes);
  if (errno != 0) fail("cannot write", path);
}

void append_file(const std::string& path, std::string_view bytes) {
  errno = write_with_flags(path, bytes, O_APPEND);
  if (errno != 0) fail("cannot append to", path);
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) fail("cannot make directory", path);
}

struct stat stat_of(const std::string& path) {
  struct stat attributes {};
  if (::lstat(path.c_str(), &attributes) != 0) fail("cannot stat", path);
  return attributes;
}

int stat_error(const std::string& path) {
  struct stat attributes {};
  return ::lstat(path.c_str(), &attributes) == 0 ? 0 : errno;
}

bool exists(const std::string& path) { return stat_error(path) == 0; }

std::vector<std::string> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) fail("cannot list", path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) fail("cannot list", path);
  std::sort(names.begin(), names.end());
  return names;
}

int list_error(const std::string& path) {
  try {
    list_directory(path);
    return 0;
  } catch (const std::runtime_error&) {
    return errno;
  }
}

int64_t mtime_ns(const struct stat& attributes) {
  return int64_t{attributes.st_mtim.tv_sec} * 1'000'000'000 + attributes.st_mtim.tv_nsec;
}

std::string random_bytes(size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes;
  bytes.reserve(count + sizeof(uint64_t));
  while (bytes.size() < count) {
    const uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(count);
  return bytes;
}

}  // namespace kvfs::test
