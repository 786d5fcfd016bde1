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
constexpr uint64_t kFoldShare = 8;          // a frozen and an active memtable, which may grow to four times their limit
constexpr uint64_t kFoldBytesMin = 256 * 1024;

}  // namespace

SpaceGuard::SpaceGuard(std::string path, uint64_t bytes_max, uint64_t reserve_bytes, Uses uses)
    : path_(std::move(path)), bytes_max_(bytes_max), uses_(std::move(uses)), reserve_bytes_(reserve_bytes) {
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
  int64_t headroom = static_cast<int64_t>(disk_free_bytes() + uses_.reusable());
  if (!reserve_made_) headroom -= static_cast<int64_t>(reserve_bytes_);
  limit_ = "the disk of " + path_ + " is full but for a reserve for deletes";
  const auto limit_to = [&](int64_t bytes, const std::string& limit) {
    if (bytes >= headroom) return;
    headroom = bytes;
    limit_ = limit;
  };
  if (bytes_max_ != 0)
    limit_to(static_cast<int64_t>(bytes_max_) - static_cast<int64_t>(uses_.used()),
             "max_size of " + std::to_string(bytes_max_) + " bytes reached");
  limit_to(static_cast<int64_t>(uses_.mappable()),
           "the base fills the address space that it was opened with; opening the store again gives it more");
  headroom_ = headroom;
}

uint64_t SpaceGuard::fold_bytes_max() const {
  const auto headroom = static_cast<uint64_t>(std::max<int64_t>(headroom_.load(std::memory_order_relaxed), 0));
  return std::max(std::max(headroom, reserve_bytes_) / kFoldShare, kFoldBytesMin);
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
  return Error{Errc::no_space, limit_};
}

bool SpaceGuard::open_reserve() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(reserve_made_, false)) return false;
    if (!free_reserve(path_)) return false;
  }
  measure();
  return true;
}

bool SpaceGuard::free_reserve(const std::string& path) { return unlink((path + "/RESERVE").c_str()) == 0; }

}  // namespace kvfs
