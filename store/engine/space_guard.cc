#include "store/engine/space_guard.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

namespace kvfs {
namespace {

// Where the disk cannot be asked: plenty, to which more can be added.
constexpr uint64_t kUnknownFree = uint64_t{1} << 62;
constexpr uint64_t kReserveDiskShare = 16;    // of a small disk, no more than this part is reserved
constexpr uint64_t kReserveMissingShare = 4;  // of the reserve: with less missing it is not worth a system call
constexpr uint64_t kFoldShare = 8;  // a frozen and an active memtable, which may grow to four times their limit
constexpr uint64_t kFoldBytesMin = 256 * 1024;

}  // namespace

SpaceGuard::SpaceGuard(std::string path, uint64_t bytes_max, uint64_t reserve_bytes, Uses uses)
    : path_(std::move(path)), bytes_max_(bytes_max), uses_(std::move(uses)), reserve_bytes_(reserve_bytes) {
  if (const uint64_t bytes = disk_bytes(path_)) reserve_bytes_ = std::min(reserve_bytes_, bytes / kReserveDiskShare);
  measure();
}

uint64_t SpaceGuard::disk_free_bytes() const {
  struct statvfs disk {};
  if (statvfs(path_.c_str(), &disk) != 0) return kUnknownFree;
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

void SpaceGuard::measure() {
  const std::lock_guard lock(mutex_);
  const auto missing = [&] { return reserve_bytes_ - std::min(reserve_bytes_, uses_.reserved()); };
  uint64_t reserve_missing = reserve_bytes_ == 0 ? 0 : missing();
  if (reserve_missing > reserve_bytes_ / kReserveMissingShare && disk_free_bytes() > reserve_missing + reserve_bytes_ &&
      uses_.reserve(reserve_bytes_))
    reserve_missing = missing();
  int64_t headroom = static_cast<int64_t>(disk_free_bytes() + uses_.reusable()) - static_cast<int64_t>(reserve_missing);
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

uint64_t disk_bytes(const std::string& path) {
  struct statvfs disk {};
  return statvfs(path.c_str(), &disk) == 0 ? uint64_t{disk.f_blocks} * disk.f_frsize : 0;
}

}  // namespace kvfs
