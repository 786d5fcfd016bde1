#include "store/engine/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kvfs {
namespace {

Error system_error(const std::string& what, int code) {
  const std::string detail = what + ": " + std::strerror(code);
  switch (code) {
    case EACCES:
    case EPERM:
      return {Errc::access_denied, detail};
    case EROFS:
      return {Errc::read_only, detail};
    case ENOENT:
    case ENOTDIR:
      return {Errc::not_found, detail};
    case ENOSPC:
    case EDQUOT:
      return {Errc::no_space, detail};
    default:
      return {Errc::io, detail};
  }
}

std::string read_pid(int fd) {
  char text[32];
  const ssize_t n = pread(fd, text, sizeof text, 0);
  std::string pid(text, n > 0 ? static_cast<size_t>(n) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

}  // namespace

Result<std::unique_ptr<StoreLock>> StoreLock::acquire(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("cannot make " + path, errno);
  const std::string file = path + "/LOCK";
  std::unique_ptr<StoreLock> lock(new StoreLock);
  lock->directory_fd_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock->directory_fd_ < 0) return system_error("cannot open " + path, errno);
  // Some network file systems cannot lock directories: there the file alone has to do.
  bool busy = flock(lock->directory_fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const int fd = lock->fd_ = open(file.c_str(), O_RDWR | (busy ? 0 : O_CREAT) | O_CLOEXEC, 0600);
  if (fd < 0 && !busy) return system_error("cannot open " + file, errno);
  if (!busy && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("cannot lock " + file, errno);
    busy = true;
  }
  if (busy) return Error{Errc::busy, "the store " + path + " is in use by process " + read_pid(fd)};
  const std::string pid = std::to_string(getpid()) + "\n";
  // The pid is for people only; a full disk must not keep the store from opening.
  if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid.data(), pid.size(), 0);
  return lock;
}

StoreLock::~StoreLock() {
  if (fd_ >= 0) close(fd_);
  if (directory_fd_ >= 0) close(directory_fd_);
}

}  // namespace kvfs
