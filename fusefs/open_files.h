// The open files of a mount: one state an inode, shared by all its handles.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "fusefs/overlay.h"
#include "store/entry.h"

namespace kvfs {

/// Lock order: OpenFile::mutex before any lock of the store; no lock of the mount is taken while holding it, but for
/// those of the leaf tables (NodeTable).
struct OpenFile {
  OpenFile(Inode number, ChunkStore& chunks, const OverlayLimits& limits, OverlayGauge& gauge)
      : inode(number), overlay(chunks, limits, gauge) {}

  const Inode inode;
  std::atomic<bool> opened{false};      // by open(2), not only for truncate(2)
  std::atomic<uint32_t> executions{0};  // handles by which the kernel runs it as a program
  std::atomic<int> writers{0};          // handles that may write

  mutable std::shared_mutex mutex;
  // Guarded by mutex:
  Overlay overlay;
  bool typed = false;               // when the overlay began, the value was a counter or set
  Version base_version = 0;         // of the entry that the overlay lies over
  int64_t changed_ns = 0;           // time of the last staged change
  std::optional<int64_t> mtime_ns;  // set by utimensat(2) after the last staged change
  uint32_t mode = 0;                // of the entry, when the overlay began
  uint32_t gid = 0;
  uint32_t clears_mode = 0;         // bits of it that the staged change takes away
  std::optional<Version> if_match;  // publish only over this version (user.kvfs.if_match)
  uint64_t staging = 1;             // the number of what is staged now: each publication begins another
  uint64_t staged_by_none = 0;      // the last one to which no handle in particular added: truncate(2), a mapping
  uint64_t refused_staging = 0;     // the last one that was dropped as no value of the file's type
  std::optional<Error> refusal;     // why

  // Guarded by the table's mutex:
  size_t handles = 0;
};

/// Thread safety: all functions may be called from any thread.
class OpenFiles {
 public:
  OpenFiles(ChunkStore& chunks, const OverlayLimits& limits) : chunks_(chunks), limits_(limits) {}

  struct Acquired {
    std::shared_ptr<OpenFile> file;
    bool first = false;  // there was no handle before
  };
  /// One handle more.
  Acquired acquire(Inode inode);
  /// One handle less. True: it was the last one, and the state is out of the table.
  bool release(const std::shared_ptr<OpenFile>& file);
  /// Whether nobody else has it open now.
  bool is_only_handle(const OpenFile& file) const;
  /// nullptr: not open.
  std::shared_ptr<OpenFile> find(Inode inode) const;
  /// Calls `visit` for each without a lock of the table.
  void for_each(const std::function<void(const std::shared_ptr<OpenFile>&)>& visit) const;

  const OverlayGauge& gauge() const { return gauge_; }

 private:
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Inode, std::shared_ptr<OpenFile>> files;  // guarded by mutex
  };
  static constexpr size_t kShards = 16;
  Shard& shard(Inode inode) { return shards_[inode % kShards]; }
  const Shard& shard(Inode inode) const { return shards_[inode % kShards]; }

  ChunkStore& chunks_;
  const OverlayLimits limits_;
  OverlayGauge gauge_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kvfs
