// What RANDOMKEY answers: many keys are drawn at once, since finding them walks over rows.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/txn.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class RandomKeys {
 public:
  /// A key of the collection that was drawn a little ago, and may be gone; nullopt: none is left.
  std::optional<std::string> take(DirId collection);
  void add(DirId collection, std::vector<std::string> drawn);

 private:
  static constexpr size_t kCollectionsMax = 256;
  std::mutex mutex_;
  std::map<DirId, std::vector<std::string>> drawn_;  // guarded by mutex_
};

/// Keys of a collection that has `keys_count` of them. Of a small one, one, each as likely as all others; of a middling
/// one, many, likewise; of a large one, many of those near some random places. Empty: there are none.
std::vector<std::string> draw_keys(const ReadTxn& txn, DirId collection, uint64_t keys_count);

}  // namespace kvfs::resp
