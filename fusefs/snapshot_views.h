// Node ids of the trees below `.kvfs/snapshots`: inode numbers of the store, marked with the snapshot they are seen in.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "store/snapshots.h"

namespace kvfs {

/// Inode numbers with this bit are seen in a snapshot: bit, number of the snapshot << 48, inode number.
inline constexpr Inode kSnapshotInodes = Inode{1} << 62;
inline constexpr Inode kViewMask = ~((Inode{1} << 48) - 1);
inline bool is_in_snapshot(Inode node) { return (node >> 62) == 1; }
/// What all nodes of one view have in common; 0: the live store.
inline Inode view_of(Inode node) { return is_in_snapshot(node) ? node & kViewMask : 0; }
/// The store's inode number.
inline Inode inode_in_view(Inode node) { return is_in_snapshot(node) ? node & ~kViewMask : node; }

/// Thread safety: all functions may be called from any thread.
class SnapshotViews {
 public:
  /// The view of a snapshot, opened if it is not yet.
  Inode open(const Snapshots::Ptr& snapshot);
  /// nullptr: no such view, or its snapshot is gone.
  Snapshots::Ptr find(Inode node) const;
  /// The snapshot was dropped.
  void close(const Snapshots::Ptr& snapshot);

 private:
  mutable std::mutex mutex_;
  std::map<Inode, Snapshots::Ptr> views_;  // guarded by mutex_
  Inode last_number_ = 0;                  // guarded by mutex_
};

}  // namespace kvfs
