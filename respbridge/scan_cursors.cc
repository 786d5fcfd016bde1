#include "respbridge/scan_cursors.h"

#include <functional>

namespace kvfs::resp {

uint64_t ScanCursors::remember(const std::string& space, std::string_view key) {
  // Below 2^53, so that clients that keep cursors as doubles do not harm them.
  constexpr uint64_t kMask = (uint64_t{1} << 53) - 1;
  uint64_t cursor = std::hash<std::string_view>{}(key)&kMask;
  const std::lock_guard lock(mutex_);
  Space& at = spaces_[space];
  while (true) {
    if (cursor == 0) cursor = 1;
    const auto present = at.keys.find(cursor);
    if (present == at.keys.end()) break;
    if (present->second == key) return cursor;
    cursor = (cursor + 1) & kMask;
  }
  at.keys.emplace(cursor, std::string(key));
  at.oldest_first.push_back(cursor);
  if (at.oldest_first.size() > per_space_max_) {
    at.keys.erase(at.oldest_first.front());
    at.oldest_first.pop_front();
  }
  return cursor;
}

std::optional<std::string> ScanCursors::find(const std::string& space, uint64_t cursor) const {
  const std::lock_guard lock(mutex_);
  const auto at = spaces_.find(space);
  if (at == spaces_.end()) return std::nullopt;
  const auto key = at->second.keys.find(cursor);
  if (key == at->second.keys.end()) return std::nullopt;
  return key->second;
}

}  // namespace kvfs::resp
