// What the offsets of readdir(3) stand for. The kernel keeps listings and may go on reading one with another handle
// than the one that began it, as an NFS server always does; the entry it goes on after may be gone by then.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fusefs/generations.h"
#include "store/key.h"

namespace kvfs {

/// The offsets behind ".", ".." and "%:value", with which directories begin.
constexpr uint64_t kAfterDot = 1;
constexpr uint64_t kAfterDotDot = 2;
constexpr uint64_t kAfterOwnValue = 3;

/// The offset behind the entry at `position` (DirectoryCursor::position()): the same for every reader, also after a
/// restart. Larger than any small number.
uint64_t directory_offset(std::string_view position);

/// Remembers a bounded number of positions. Thread safety: all functions may be called from any thread.
class DirectoryPositions {
 public:
  /// What one request was told: offsets and positions.
  using Answer = std::vector<std::pair<uint64_t, std::string>>;
  static constexpr size_t kAnswersMax = 64;
  static constexpr size_t kRemovedMax = 2 * 65'536;

  void gave(DirId dir, std::shared_ptr<const Answer> answer);
  /// An entry has gone.
  void removed(DirId dir, std::string position);
  /// nullopt: not known here; an entry that still exists can be found by its name.
  std::optional<std::string> find(DirId dir, uint64_t offset) const;

 private:
  struct Removed {
    DirId dir = 0;
    std::string position;
  };

  mutable std::mutex mutex_;
  std::deque<std::pair<DirId, std::shared_ptr<const Answer>>> answers_;  // guarded by mutex_
  Generations<uint64_t, Removed> removed_{kRemovedMax};                  // guarded by mutex_; by offset
};

}  // namespace kvfs
