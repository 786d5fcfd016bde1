#include "store/engine/space_guard.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace kvfs {
namespace {

constexpr uint64_t kReserveDiskShare = 16;  // of a small disk, no more than this part is reserved

}  // namespace

SpaceGuard::SpaceGuard(std::string path, uint64_t bytes_max, uint64_t reserve_bytes, std::function<uint64_t()> used)
    : path_(std::move(path)), bytes_max_(bytes_max), used_(std::move(used)), reserve_bytes_(reserve_bytes) {
  struct statvfs disk {};
  if (statvfs(path_.c_str(), &disk) == 0)
    reserve_bytes_ = std::min(reserve_bytes_, uint64_t{disk.f_blocks} * disk.f_frsize / kReserveDiskShare);
  measure();
}

uint64_t SpaceGuard::disk_free_bytes() const {
  struct statvfs disk {};
  if (statvfs(path_.c_str(), &disk) != 0) return std::numeric_limits<int64_t>::max();
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

void SpaceGuard::make_reserve() {
  const std::string file = path_ + "/RESERVE";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  reserve_made_ = fallocate(fd, 0, 0, static_cast<off_t>(reserve_bytes_)) == 0;
  close(fd);
  if (!reserve_made_) unlink(file.c_str());
}

void SpaceGuard::measure() {
  const std::lock_guard lock(mutex_);
  if (!reserve_made_ && reserve_bytes_ != 0 && disk_free_bytes() > 2 * reserve_bytes_) make_reserve();
  int64_t headroom = static_cast<int64_t>(disk_free_bytes());
  if (!reserve_made_) headroom -= static_cast<int64_t>(reserve_bytes_);
  disk_is_the_limit_ = true;
  if (bytes_max_ != 0) {
    const int64_t below_max = static_cast<int64_t>(bytes_max_) - static_cast<int64_t>(used_());
    disk_is_the_limit_ = headroom < below_max;
    headroom = std::min(headroom, below_max);
  }
  headroom_ = headroom;
}

bool SpaceGuard::plenty_for(uint64_t bytes) {
  return headroom_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed) - static_cast<int64_t>(bytes) >
         kSpaceTightBytes;
}

Result<void> SpaceGuard::admit(int64_t bytes) {
  if (bytes <= 0) return {};
  measure();
  if (headroom_.load() >= bytes) return {};
  const std::lock_guard lock(mutex_);
  if (disk_is_the_limit_)
    return Error{Errc::no_space, "the disk of " + path_ + " is full but for a reserve for deletes"};
  return Error{Errc::no_space, "max_size of " + std::to_string(bytes_max_) + " bytes reached"};
}

bool SpaceGuard::open_reserve() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(reserve_made_, false)) return false;
  return unlink((path_ + "/RESERVE").c_str()) == 0;
}

}  // namespace kvfs
