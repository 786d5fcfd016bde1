#include "tests/support/mounts.h"

#include <signal.h>
#include <sys/mount.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/files.h"

namespace kvfs::test {

namespace {

struct CleanupSlot {
  std::atomic<pid_t> pid{0};  // 0: free
  char path[PATH_MAX] = {};
};
CleanupSlot cleanup_slots[16];

void clean_up_and_die(int number) {
  for (CleanupSlot& slot : cleanup_slots) {
    const pid_t pid = slot.pid;
    if (pid == 0) continue;
    ::kill(pid, SIGKILL);
    ::umount2(slot.path, MNT_DETACH);
  }
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

std::vector<std::string> mounts_below(const std::string& directory) {
  std::vector<std::string> found;
  std::ifstream table("/proc/self/mountinfo");
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string skipped;
    std::string path;
    fields >> skipped >> skipped >> skipped >> skipped >> path;
    if (path == directory || path.rfind(directory + "/", 0) == 0) found.push_back(path);
  }
  return found;
}

bool is_mounted(const std::string& path) {
  for (const std::string& mount : mounts_below(path)) {
    if (mount == path) return true;
  }
  return false;
}

bool has_lost_its_daemon(const std::string& path) {
  const int error = list_error(path);
  // The others until the kernel has let go of all that the daemon had.
  return error == ENOTCONN || error == ECONNABORTED || error == ECANCELED;
}

void detach(const std::string& path) {
  while (is_mounted(path) && ::umount2(path.c_str(), MNT_DETACH) == 0) {
  }
}

void register_for_cleanup(const std::string& path, pid_t pid) {
  for (CleanupSlot& slot : cleanup_slots) {
    if (slot.pid != 0) continue;
    std::strncpy(slot.path, path.c_str(), sizeof slot.path - 1);
    slot.pid = pid;
    return;
  }
  throw std::runtime_error("too many mounts at a time in one test");
}

void unregister_for_cleanup(const std::string& path) {
  for (CleanupSlot& slot : cleanup_slots) {
    if (slot.pid != 0 && path == slot.path) slot.pid = 0;
  }
}

void install_cleanup_on_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGABRT, SIGSEGV, SIGALRM}) ::signal(number, clean_up_and_die);
}

}  // namespace kvfs::test
