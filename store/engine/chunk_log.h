// Chunks in segment files: appended with pwrite, read with pread (never mapped, so that memory stays small), given back
// by punching holes and by deleting segments that are wholly dead. File format: docs/format.md, "Chunk log".
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "store/engine/chunk_segment.h"
#include "store/engine/chunk_store.h"
#include "store/engine/file.h"
#include "store/engine/reader_registry.h"

namespace kvfs {

inline constexpr size_t kChunkSegmentsOpenMax = 256;  // file descriptors held for reading

/// Thread safety: all functions may be called from any thread.
class ChunkLog final : public ChunkStore {
 public:
  /// Opens or makes the log in `directory`, which it owns. Errors: io, access_denied, no_space.
  static Result<std::unique_ptr<ChunkLog>> open(std::unique_ptr<Directory> directory, ReaderRegistry& readers,
                                                const std::atomic<Sequence>& visible);

  /// A shutdown's map of the live chunks counts no more from here on. REQUIRES: called before anything changes.
  Result<void> begin();

  Result<ChunkRef> append(std::string_view bytes) override;
  Result<void> read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const override;
  void will_need(std::span<const ChunkRef> refs) const override;
  void discard(const ChunkRef& ref) override;
  std::unique_ptr<Pin> pin() override;
  bool unclean() const override { return unclean_.load(); }
  /// False also where there is no chunk: a power loss may have taken all files.
  bool closed_cleanly() const { return closed_cleanly_; }
  /// The last commit when it was closed cleanly, or 0.
  Sequence closed_at() const { return closed_at_; }
  Result<void> retain_only(const std::function<Result<void>(const Keep&)>& enumerate) override;
  uint64_t bytes_used() const override;

  /// Asked before each append whether there is room. REQUIRES: called before the first append.
  using Admit = std::function<Result<void>(uint64_t bytes)>;
  void limit_by(Admit admit) { admit_ = std::move(admit); }
  /// Called where the disk is full although there was room: gives back what can be. True: it is worth another try.
  /// REQUIRES: as limit_by().
  using MakeRoom = std::function<bool()>;
  void make_room_by(MakeRoom make_room) { make_room_ = std::move(make_room); }
  /// Makes every chunk whose append() returned before the call durable. After an error the log takes no more chunks.
  Result<void> sync();
  /// Rows that stand in the journal refer to them: they are not discarded any more.
  void adopt(std::span<const ChunkRef> refs) noexcept;
  /// Reclaims chunks. REQUIRES: nothing can see them, and the commits that gave them up are durable.
  void release(std::span<const ChunkRef> refs);
  /// True if the chunk's bytes are there and match its checksum.
  bool intact(const ChunkRef& ref) const;
  /// Syncs and leaves a map of the live chunks, so that the next open() is a clean one; and says what `last` was.
  /// REQUIRES: nothing waits to be released, and no other call follows but the destructor.
  Result<void> close_cleanly(Sequence last);
  /// Whoever stops trusting the disk: no chunk is written or reclaimed any more.
  void freeze() { frozen_.store(true); }

  uint64_t segments() const;

 private:
  struct Segment {
    PageMap live;
    uint32_t end = 0;                   // pages
    std::shared_ptr<File> file;         // null: not open now
    std::unique_ptr<PageMap> verified;  // first pages of chunks that were found whole; null: none yet
  };

  ChunkLog(std::unique_ptr<Directory> directory, ReaderRegistry& readers, const std::atomic<Sequence>& visible)
      : directory_(std::move(directory)), readers_(readers), visible_(visible) {}
  Result<void> load();
  Result<void> load_segments();
  Result<std::shared_ptr<File>> file_of(uint32_t number) const;
  Result<void> read_whole(const ChunkRef& ref, char* out) const;
  bool verified(const ChunkRef& ref) const;
  void note_verified(const ChunkRef& ref) const;
  Error damage(const ChunkRef& ref, const char* what) const;
  // Those named *_locked need mutex_.
  Result<std::shared_ptr<File>> file_locked(uint32_t number, Segment& segment) const;
  Result<std::shared_ptr<File>> make_segment_locked();
  void delete_segment_locked(std::map<uint32_t, Segment>::iterator segment);
  struct Place {
    ChunkRef ref;
    std::shared_ptr<File> file;
  };
  Result<Place> reserve(uint32_t bytes);
  Result<ChunkRef> write(std::string_view bytes, uint32_t crc);
  void discard_staged();
  Result<void> sync_these(const std::set<uint32_t>& dirty, bool directory_dirty);

  const std::unique_ptr<Directory> directory_;
  ReaderRegistry& readers_;
  const std::atomic<Sequence>& visible_;
  Admit admit_;         // constant after the first append
  MakeRoom make_room_;  // likewise
  std::atomic<bool> unclean_{false};
  bool closed_cleanly_ = false;  // constant after opening
  Sequence closed_at_ = 0;       // likewise
  std::atomic<bool> frozen_{false};

  std::mutex sync_mutex_;  // one sync at a time; before mutex_
  mutable std::mutex mutex_;
  mutable std::map<uint32_t, Segment> segments_;   // guarded by mutex_
  std::unordered_map<uint64_t, ChunkRef> staged_;  // guarded by mutex_: appended, not yet adopted; by place
  std::set<uint32_t> dirty_;                       // guarded by mutex_: written since the last sync
  bool directory_dirty_ = false;                   // guarded by mutex_
  uint32_t active_ = 0;                            // guarded by mutex_: the segment that is appended to; 0: none
  uint32_t next_number_ = 1;                       // guarded by mutex_
  mutable size_t open_files_ = 0;                  // guarded by mutex_
};

}  // namespace kvfs
