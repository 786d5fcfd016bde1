// A consistent view of layers and base at one sequence number, and the pool that makes taking one cheap.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/engine/base_lmdb.h"
#include "store/engine/layers.h"
#include "store/engine/merge_cursor.h"
#include "store/engine/reader_registry.h"

namespace kvfs {

class ReadingPool;

/// Used by one thread at a time.
class Reading {
 public:
  Reading(ReaderRegistry& readers, const Base& base) : readers_(readers), base_(base), slot_(readers.acquire()) {}
  ~Reading() { readers_.release(slot_); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// The newest version of the row that is not newer than `sequence`.
  std::optional<std::string_view> get(std::string_view key, Sequence sequence) const {
    return get(key, row_hash(key), sequence);
  }
  /// `key_hash` is row_hash(key).
  std::optional<std::string_view> get(std::string_view key, uint64_t key_hash, Sequence sequence) const;
  /// Of rows that get() is asked for next.
  void prefetch(std::span<const std::string_view> keys) const;
  /// `own` may be null; it hides what lies below.
  std::unique_ptr<Cursor> cursor(const WriteSet* own, Sequence sequence) const {
    return std::make_unique<MergeCursor>(own, *layers_, base_, sequence);
  }
  Sequence sequence() const { return sequence_; }

 private:
  friend class ReadingPool;
  ReaderRegistry& readers_;
  Base::View base_;
  ReaderRegistry::Slot* const slot_;      // taken when the view could be made
  std::shared_ptr<const Layers> layers_;  // null: the view was let go
  Sequence sequence_ = 0;
};

/// Holds the current layers. Idle readings keep their view, so that the next user of an unchanged engine pays for
/// neither a renewed LMDB transaction nor a reference count.
/// Thread safety: all functions may be called from any thread.
class ReadingPool {
 public:
  ReadingPool(Base& base, ReaderRegistry& readers, const std::atomic<Sequence>& visible)
      : base_(base), readers_(readers), visible_(visible) {
    spare_.reserve(kSpareReadingsMax);  // putting a reading back needs no memory
  }
  /// REQUIRES: every reading was put back.
  ~ReadingPool();

  /// A view of all that is visible now. Throws StoreException.
  std::unique_ptr<Reading> take();
  /// Another view of exactly what `other` sees, or null if the layers have changed since.
  std::unique_ptr<Reading> take_same(const Reading& other);
  void put_back(std::unique_ptr<Reading> reading);

  std::shared_ptr<const Layers> layers() const;
  /// Replaces the layers; the number is chosen here. Idle readings let go of the old ones. Throws before it changes
  /// anything, or never.
  void install(Layers layers);

 private:
  // Idle readings by thread, so that threads do not meet; few enough to search when the layers change.
  static constexpr size_t kShelves = 32;
  static constexpr size_t kSpareReadingsMax = 256;
  struct alignas(64) Shelf {
    std::atomic<Reading*> reading{nullptr};
  };
  Shelf& own_shelf();
  std::unique_ptr<Reading> take_idle();
  void refresh(Reading& reading) const;
  void keep_spare(std::unique_ptr<Reading> reading);
  static void let_go(Reading& reading);

  Base& base_;
  ReaderRegistry& readers_;
  const std::atomic<Sequence>& visible_;
  std::atomic<uint64_t> number_{0};  // of the current layers
  std::array<Shelf, kShelves> shelves_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Layers> layers_;         // guarded by mutex_
  std::vector<std::unique_ptr<Reading>> spare_;  // guarded by mutex_; their views were let go
};

}  // namespace kvfs
