// The numbers that SCAN gives as cursors: clients expect integers, keys are places. A number stands for the key to go
// on behind; it is derived from the key, so that the same place has the same number.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class ScanCursors {
 public:
  /// At most `per_space_max` cursors are remembered for each space (tenant and collection): the oldest are forgotten.
  explicit ScanCursors(size_t per_space_max) : per_space_max_(per_space_max) {}

  /// Never 0.
  uint64_t remember(const std::string& space, std::string_view key);
  /// nullopt: never given out, or forgotten.
  std::optional<std::string> find(const std::string& space, uint64_t cursor) const;

 private:
  struct Space {
    std::unordered_map<uint64_t, std::string> keys;
    std::deque<uint64_t> oldest_first;
  };
  const size_t per_space_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Space> spaces_;  // guarded by mutex_
};

}  // namespace kvfs::resp
