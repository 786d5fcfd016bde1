#include "daemon/own_mount.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <deque>
#include <filesystem>
#include <optional>
#include <system_error>

namespace kvfs {
namespace {

constexpr int kLinksFollowedMax = 40;  // as the kernel

/// Answered from what the kernel knows.
std::optional<struct statx> known_of(const std::string& path) {
  struct statx known {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &known) !=
      0)
    return std::nullopt;
  return known;
}

dev_t device_of(const struct statx& known) { return makedev(known.stx_dev_major, known.stx_dev_minor); }

}  // namespace

dev_t device_of(const std::string& path) {
  const auto known = known_of(path);
  return known ? device_of(*known) : 0;
}

bool leads_to_device(const std::string& path, dev_t device) {
  namespace fs = std::filesystem;
  fs::path at = "/";
  std::deque<fs::path> left;
  for (const fs::path& name : fs::path(path).relative_path()) left.push_back(name);
  int links = 0;
  while (!left.empty()) {
    const fs::path name = left.front();
    left.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = at.parent_path();
      continue;
    }
    const fs::path next = at / name;
    const auto known = known_of(next);
    if (!known) return false;
    if (device_of(*known) == device) return true;
    if (!S_ISLNK(known->stx_mode)) {
      at = next;
      continue;
    }
    std::error_code failed;
    const fs::path target = fs::read_symlink(next, failed);
    if (failed || ++links > kLinksFollowedMax) return false;
    if (target.is_absolute()) at = "/";
    const fs::path names = target.relative_path();
    left.insert(left.begin(), names.begin(), names.end());
  }
  return false;
}

}  // namespace kvfs
