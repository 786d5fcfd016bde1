// Reports no-space before anything breaks, and keeps a reserve so that deletes and checkpoints work on a full disk:
// space that the base's file owns already, so that nobody else, and nothing else of the store, can take it meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "store/result.h"

namespace kvfs {

inline constexpr int64_t kSpaceTightBytes = 8 * 1024 * 1024;  // with less headroom each commit's growth is measured

/// Thread safety: all functions may be called from any thread.
class SpaceGuard {
 public:
  struct Uses {
    std::function<uint64_t()> used;               // bytes that count for `bytes_max`
    std::function<uint64_t()> reusable;           // bytes of the disk that the store holds, but can write over
    std::function<uint64_t()> mappable;           // bytes that the base's file can still grow by
    std::function<uint64_t()> reserved;           // bytes of the disk that the base's file owns behind its end
    std::function<bool(uint64_t bytes)> reserve;  // makes that `bytes`
  };
  /// Guards the disk of directory `path`. `bytes_max` 0: no limit but the disk.
  SpaceGuard(std::string path, uint64_t bytes_max, uint64_t reserve_bytes, Uses uses);

  /// Looks at the disk again; fills the reserve up where there is room.
  void measure();

  /// Cheap; true while there is plenty for `bytes` more.
  bool plenty_for(uint64_t bytes);
  /// Whether the store may grow by `bytes` (<= 0: always). Errors: no_space (names the limit).
  Result<void> admit(int64_t bytes);
  bool tight() const { return headroom_.load(std::memory_order_relaxed) < kSpaceTightBytes; }
  /// What one memtable's fold may take at worst, so that several of them fit into what there is, or into the reserve.
  uint64_t fold_bytes_max() const;
  uint64_t disk_free_bytes() const;

 private:
  const std::string path_;
  const uint64_t bytes_max_;
  const Uses uses_;
  uint64_t reserve_bytes_;  // constant after construction
  std::atomic<int64_t> headroom_{0};
  std::mutex mutex_;   // one measurement at a time
  std::string limit_;  // guarded by mutex_: what gives the headroom
};

/// The size of the disk that holds `path`, in bytes; 0 if that cannot be known.
uint64_t disk_bytes(const std::string& path);

}  // namespace kvfs
