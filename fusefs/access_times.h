// When files were last read, as far as the store has not been told: reading must not cost a transaction each time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fusefs/node_table.h"
#include "store/entry.h"

namespace kvfs {

/// Whether a reading is worth noting, as Linux's relatime has it: the last one is not younger than the last change, or
/// a day old.
bool is_access_time_due(const Entry& entry, int64_t atime_ns, int64_t now_ns);

/// Thread safety: all functions may be called from any thread.
class AccessTimes {
 public:
  /// So many, or one this old, and they are to be written.
  static constexpr size_t kNotedMax = 4096;
  static constexpr int64_t kNotedNsMax = 30'000'000'000;

  struct Noted {
    int64_t atime_ns = 0;
    Place place;
  };

  /// Returns true if it is time to write what has been noted.
  bool note(Inode inode, int64_t atime_ns, Place place);
  /// nullopt: nothing is noted. Cheap if nothing is noted of anything.
  std::optional<int64_t> find(Inode inode) const;
  /// Somebody has set the time.
  void drop(Inode inode);
  std::vector<std::pair<Inode, Noted>> all() const;
  /// They are in the store now; what was noted meanwhile stays.
  void written(const std::vector<std::pair<Inode, Noted>>& noted);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Inode, Noted> noted_;  // guarded by mutex_
  int64_t oldest_ns_ = 0;                   // guarded by mutex_
  std::atomic<size_t> count_{0};
};

}  // namespace kvfs
