// What a daemon that died leaves behind.
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fusefs/mount.h"

namespace kvfs {
namespace {

bool is_stale(const std::string& mount_point) {
  // Not stat: the kernel may still answer it from its cache.
  struct statvfs numbers {};
  return statvfs(mount_point.c_str(), &numbers) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED || errno == ECANCELED);
}

bool unmount_as_user(const std::string& mount_point) {
  std::string program = "fusermount3";
  std::string unmount = "-u";
  std::string lazily = "-z";
  std::string quietly = "-q";
  std::string path = mount_point;
  char* arguments[] = {program.data(), unmount.data(), lazily.data(), quietly.data(), path.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<bool> clear_stale_mount(const std::string& mount_point) {
  constexpr int kLayersMax = 16;  // mounts over mounts
  bool cleared = false;
  for (int i = 0; i < kLayersMax && is_stale(mount_point); i++) {
    if (umount2(mount_point.c_str(), MNT_DETACH) != 0 && !unmount_as_user(mount_point))
      return Error{Errc::access_denied, "cannot unmount what a dead daemon left at " + mount_point + ": " +
                                            std::strerror(errno) + "; run fusermount3 -u -z on it"};
    cleared = true;
  }
  return cleared;
}

}  // namespace kvfs
