#include "store/prefetch.h"

#include <algorithm>
#include <array>
#include <optional>

#include "store/engine/prefetching.h"
#include "store/key.h"

namespace kvfs {

void prefetch(const ReadTxn& txn, DirId collection, std::span<const std::string_view> keys) {
  const auto* const rows = dynamic_cast<const Prefetching*>(&txn.rows());
  if (rows == nullptr) return;
  constexpr size_t kAtOnceMax = 32;
  std::array<std::optional<DirentRow>, kAtOnceMax> names;
  std::array<std::string_view, kAtOnceMax> views;
  size_t count = 0;
  for (const std::string_view key : keys) {
    if (key.size() > kComponentBytesMax || key.find('/') != key.npos) continue;
    views[count] = names[count].emplace(Slot{collection, key, false});
    if (++count < kAtOnceMax) continue;
    rows->prefetch(views);
    count = 0;
  }
  rows->prefetch(std::span(views).first(count));
}

}  // namespace kvfs
