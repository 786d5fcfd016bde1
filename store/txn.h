// What a reader and a writer of the store hold: an engine snapshot or transaction, the time that expiry is judged by,
// and what a commit must publish. The rules themselves are in tree.h (names) and keyspace.h (keys).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/changes.h"
#include "store/engine/engine.h"
#include "store/entry.h"

namespace kvfs {

struct DirPath;
class Runtime;  // the store's clocks, allocators and caches, see runtime.h

/// A consistent view. Used by one thread at a time; not held while waiting for a client.
class ReadTxn {
 public:
  /// `cache_generation` is what the runtime's caches stood at before `rows` was taken.
  ReadTxn(Runtime& runtime, const Snapshot& rows, uint64_t now_ms, uint64_t cache_generation)
      : runtime_(runtime), rows_(rows), now_ms_(now_ms), cache_generation_(cache_generation) {}
  ReadTxn(const ReadTxn&) = delete;
  virtual ~ReadTxn() = default;

  const Snapshot& rows() const { return rows_; }
  uint64_t now_ms() const { return now_ms_; }
  Runtime& runtime() const { return runtime_; }
  uint64_t cache_generation() const { return cache_generation_; }
  /// The path asked for last, mostly asked for again. Counts only while caches may be used.
  std::shared_ptr<const DirPath>& last_path() const { return last_path_; }
  /// False while the transaction has itself changed what the shared caches hold.
  virtual bool may_use_caches() const { return true; }
  virtual bool writes() const { return false; }

 private:
  Runtime& runtime_;
  const Snapshot& rows_;
  const uint64_t now_ms_;
  const uint64_t cache_generation_;
  mutable std::shared_ptr<const DirPath> last_path_;
};

/// Where a directory stands: fixed but for renames of directories above it.
struct DirPath {
  DirId id = 0;
  DirId parent = 0;
  std::string name;      // its component in `parent`
  DirId tenant = 0;      // 0: the root itself
  DirId collection = 0;  // 0: the root or a tenant's directory
  std::string tenant_name;
  std::string collection_name;
  std::string key_prefix;  // "a/b/" for directory a/b of a collection; "" for the collection itself
  int depth = 0;           // 0 root, 1 tenant, 2 collection, 3.. directories of keys
  uint32_t mode = 0;
  uint32_t uid = 0;  // owner: what keys that name no owner are given
  uint32_t gid = 0;
  uint64_t default_ttl_ms = 0;  // its own or the nearest one above; 0: none
  std::string default_acl;      // given to nodes made in it (acl.h); empty: none
};
using DirPathPtr = std::shared_ptr<const DirPath>;

/// What keeps a write from fitting into its tenant (0: into the store): usage must come down to this for it to fit.
struct Shortage {
  DirId tenant = 0;
  uint64_t keys_goal = UINT64_MAX;
  uint64_t bytes_goal = UINT64_MAX;
};

/// A ReadTxn that can write. Views decoded from it are valid only until its next write.
class WriteTxn : public ReadTxn {
 public:
  WriteTxn(Runtime& runtime, Transaction& rows, uint64_t now_ms, int64_t now_ns, Origin origin,
           uint64_t cache_generation)
      : ReadTxn(runtime, rows, now_ms, cache_generation), rows_(rows), now_ns_(now_ns), origin_(origin) {}

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
  DirDelta& delta(DirId dir) { return effects_.deltas[dir]; }
  void drop_delta(DirId dir) { effects_.deltas.erase(dir); }

  /// Calls `last_look` with each entry, its views still valid, of which this transaction removes the last name. Nothing
  /// is left of it then, unless its nlink is 0: somebody holds it.
  void witness_removals(std::function<void(const Entry&)> last_look) { last_look_ = std::move(last_look); }
  void will_remove(const Entry& entry) const {
    if (last_look_) last_look_(entry);
  }

  void record(ChangeView change) {
    change.event = event_;
    effects_.changes.add(change);
  }
  /// What Change::event of the following changes is; static storage.
  void name_event(std::string_view event) { event_ = event; }

  /// An open inode's row moved to this slot; to none: it is an orphan now.
  void inode_moved(Inode inode, std::optional<Slot> slot);

  /// A directory is gone, or (all) directories moved or changed what their paths hold.
  void path_changed(DirId dir);
  void paths_changed();
  void settings_changed(DirId dir, const Settings& settings);
  bool writes() const override { return true; }
  bool may_use_caches() const override { return !effects_.paths_changed && effects_.removed_paths.empty(); }

  /// Writes a chunk from within the transaction; given back if it does not commit.
  Result<ChunkRef> append_chunk(std::string_view bytes);

  /// What a commit of this transaction does beside its rows.
  struct Effects {
    std::map<DirId, DirDelta> deltas;
    std::map<DirId, std::pair<int64_t, int64_t>> usage;  // per tenant: keys, bytes
    struct Removals {
      uint64_t expired = 0;
      uint64_t evicted = 0;
    };
    std::map<DirId, Removals> removals;                  // per tenant
    std::map<DirId, std::pair<int64_t, int64_t>> trash;  // likewise: keys, bytes in its trash
    std::map<DirId, uint64_t> expiries;                  // likewise: the earliest time that was indexed
    bool garbage = false;                                // elements of a set are left to be removed
    bool over_limit = false;           // beyond a limit, where others may go for it: judged at the end
    std::optional<Shortage> shortage;  // then: how many
    ChangeLog changes;
    std::vector<std::pair<Inode, std::optional<std::pair<DirId, std::string>>>> moved_inodes;
    std::vector<DirId> removed_paths;
    bool paths_changed = false;
    std::map<DirId, Settings> settings;
    std::vector<ChunkRef> appended;
    std::optional<Version> version_lease;
    std::optional<Inode> inode_lease;
  };
  Effects& effects() { return effects_; }

 private:
  Transaction& rows_;
  const int64_t now_ns_;
  const Origin origin_;
  std::string_view event_;
  std::function<void(const Entry&)> last_look_;
  Effects effects_;
};

}  // namespace kvfs
