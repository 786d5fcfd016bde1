// What a reader and a writer of the store hold: an engine snapshot or transaction, the time that expiry is judged by,
// and what a commit must publish. The rules themselves are in tree.h (names) and keyspace.h (keys).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/changes.h"
#include "store/engine/engine.h"
#include "store/entry.h"

namespace kvfs {

class Runtime;  // the store's clocks, allocators and caches, see runtime.h

/// A consistent view. Used by one thread at a time; not held while waiting for a client.
class ReadTxn {
 public:
  ReadTxn(Runtime& runtime, const Snapshot& rows, uint64_t now_ms) : runtime_(runtime), rows_(rows), now_ms_(now_ms) {}
  ReadTxn(const ReadTxn&) = delete;

  const Snapshot& rows() const { return rows_; }
  uint64_t now_ms() const { return now_ms_; }
  Runtime& runtime() const { return runtime_; }

 private:
  Runtime& runtime_;
  const Snapshot& rows_;
  const uint64_t now_ms_;
};

/// Where a directory stands: fixed but for renames of directories above it.
struct DirPath {
  DirId id = 0;
  DirId parent = 0;
  std::string name;        // its component in `parent`
  DirId tenant = 0;        // 0: the root itself
  DirId collection = 0;    // 0: the root or a tenant's directory
  std::string tenant_name;
  std::string collection_name;
  std::string key_prefix;  // "a/b/" for directory a/b of a collection; "" for the collection itself
  int depth = 0;           // 0 root, 1 tenant, 2 collection, 3.. directories of keys
};
using DirPathPtr = std::shared_ptr<const DirPath>;

/// A ReadTxn that can write. Views decoded from it are valid only until its next write.
class WriteTxn : public ReadTxn {
 public:
  WriteTxn(Runtime& runtime, Transaction& rows, uint64_t now_ms, int64_t now_ns, Origin origin)
      : ReadTxn(runtime, rows, now_ms), rows_(rows), now_ns_(now_ns), origin_(origin) {}

  Transaction& rows() { return rows_; }
  const Snapshot& rows() const { return rows_; }
  int64_t now_ns() const { return now_ns_; }
  Origin origin() const { return origin_; }

  Version next_version();
  Inode next_inode();

  /// What happens to a directory because of its entries; written once, when the transaction ends.
  struct DirDelta {
    int64_t keys = 0;
    int64_t bytes = 0;
    int64_t subdirs = 0;
    bool touched = false;  // mtime and ctime become now
  };
  DirDelta& delta(DirId dir) { return deltas_[dir]; }
  void drop_delta(DirId dir) { deltas_.erase(dir); }

  void record(Change change);

  /// An open inode's row moved to this slot; to none: it is an orphan now.
  void inode_moved(Inode inode, std::optional<Slot> slot);

  /// Paths that this transaction changed are not in the shared cache yet.
  void paths_changed() { paths_changed_ = true; }
  bool has_changed_paths() const { return paths_changed_; }

 private:
  friend class Store;
  Transaction& rows_;
  const int64_t now_ns_;
  const Origin origin_;
  std::map<DirId, DirDelta> deltas_;
  std::vector<Change> changes_;
  std::vector<std::pair<Inode, std::optional<std::pair<DirId, std::string>>>> moves_;  // of open inodes
  bool paths_changed_ = false;
};

}  // namespace kvfs
