// Where members of large sets were taken out last: what follows in the order of hashes is taken next, so that nobody
// walks again over the rows of members that are gone.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class PopMarks {
 public:
  /// The set whose elements belong to `owner` goes on at `hash`. Many sets later that is forgotten.
  void set(uint64_t owner, uint64_t hash) {
    const std::lock_guard lock(mutex_);
    if (hashes_.size() >= kSetsMax && !hashes_.contains(owner)) hashes_.clear();
    hashes_[owner] = hash;
  }
  std::optional<uint64_t> find(uint64_t owner) const {
    const std::lock_guard lock(mutex_);
    const auto found = hashes_.find(owner);
    return found == hashes_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  static constexpr size_t kSetsMax = 4096;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, uint64_t> hashes_;  // guarded by mutex_
};

}  // namespace kvfs
