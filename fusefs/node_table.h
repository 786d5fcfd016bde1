// The inodes the kernel knows: how often it looked each one up, and where each was last seen.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/key.h"

namespace kvfs {

/// Where a node was last seen: a Slot that owns its name. A hint: other doors rename, too.
struct Place {
  DirId dir = 0;
  std::string name;
  bool directory = false;
  Slot slot() const { return {dir, name, directory}; }
};

/// Node ids of the mount are inode numbers of the store. Thread safety: all functions may be called from any thread;
/// none calls out while holding a lock.
class NodeTable {
 public:
  static constexpr size_t kOtherPlacesMax = 16;

  /// The kernel was told of the inode `count` times more, at `slot`. Returns true if it did not know it before.
  bool remember(Inode inode, const Slot& slot, uint64_t count = 1);
  /// Returns true if the kernel does not know the inode any more.
  bool forget(Inode inode, uint64_t count);
  bool knows(Inode inode) const;
  /// nullopt: not known.
  std::optional<Place> place(Inode inode) const;
  /// Other places at which the inode was seen, the latest first: of a file with several names, more of its names.
  std::vector<Place> other_places(Inode inode) const;
  /// The inode has moved, or is not where it was last seen. No-op where it is not known.
  void move(Inode inode, const Slot& slot);
  size_t size() const;
  /// Copies of all entries, shard by shard: `visit` is called without a lock.
  void for_each(const std::function<void(Inode, const Place&)>& visit) const;

 private:
  struct Node {
    uint64_t lookups = 0;
    Place place;
    std::unique_ptr<std::vector<Place>> others;  // the latest last; of most there are none
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Inode, Node> nodes;  // guarded by mutex
  };
  static constexpr size_t kShards = 64;
  Shard& shard(Inode inode) { return shards_[inode % kShards]; }
  const Shard& shard(Inode inode) const { return shards_[inode % kShards]; }

  std::array<Shard, kShards> shards_;
};

}  // namespace kvfs
