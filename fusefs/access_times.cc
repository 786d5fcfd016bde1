#include "fusefs/access_times.h"

#include <algorithm>

namespace kvfs {
namespace {

constexpr int64_t kDayNs = 86'400'000'000'000;

}  // namespace

bool is_access_time_due(const Entry& entry, int64_t atime_ns, int64_t now_ns) {
  return atime_ns <= entry.mtime_ns || atime_ns <= entry.ctime_ns || now_ns - atime_ns >= kDayNs;
}

bool AccessTimes::note(Inode inode, int64_t atime_ns, Place place) {
  const std::lock_guard lock(mutex_);
  if (noted_.empty()) oldest_ns_ = atime_ns;
  noted_.insert_or_assign(inode, Noted{atime_ns, std::move(place)});
  count_ = noted_.size();
  return noted_.size() >= kNotedMax || atime_ns - oldest_ns_ >= kNotedNsMax;
}

std::optional<int64_t> AccessTimes::find(Inode inode) const {
  if (count_.load(std::memory_order_acquire) == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto it = noted_.find(inode);
  if (it == noted_.end()) return std::nullopt;
  return it->second.atime_ns;
}

void AccessTimes::drop(Inode inode) {
  const std::lock_guard lock(mutex_);
  noted_.erase(inode);
  count_ = noted_.size();
}

std::vector<std::pair<Inode, AccessTimes::Noted>> AccessTimes::all() const {
  const std::lock_guard lock(mutex_);
  return {noted_.begin(), noted_.end()};
}

void AccessTimes::written(const std::vector<std::pair<Inode, Noted>>& noted) {
  const std::lock_guard lock(mutex_);
  for (const auto& [inode, one] : noted) {
    const auto it = noted_.find(inode);
    if (it != noted_.end() && it->second.atime_ns == one.atime_ns) noted_.erase(it);
  }
  oldest_ns_ = INT64_MAX;
  for (const auto& [inode, one] : noted_) oldest_ns_ = std::min(oldest_ns_, one.atime_ns);
  count_ = noted_.size();
}

}  // namespace kvfs
