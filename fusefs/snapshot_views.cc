#include "fusefs/snapshot_views.h"

#include <iterator>

namespace kvfs {
namespace {

constexpr Inode kNumbers = (Inode{1} << 14) - 1;

}  // namespace

Inode SnapshotViews::open(const Snapshots::Ptr& snapshot) {
  const std::lock_guard lock(mutex_);
  for (const auto& [view, known] : views_)
    if (known == snapshot) return view;
  Inode view = 0;
  do {
    last_number_ = last_number_ % kNumbers + 1;
    view = kSnapshotInodes | last_number_ << 48;
  } while (views_.contains(view));
  views_.emplace(view, snapshot);
  return view;
}

Snapshots::Ptr SnapshotViews::find(Inode node) const {
  const std::lock_guard lock(mutex_);
  const auto it = views_.find(view_of(node));
  return it == views_.end() ? nullptr : it->second;
}

void SnapshotViews::close(const Snapshots::Ptr& snapshot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(views_, [&](const auto& view) { return view.second == snapshot; });
}

}  // namespace kvfs
