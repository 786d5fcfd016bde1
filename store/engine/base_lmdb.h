// The base: the checkpointed rows, in LMDB, each with a checksum that is verified whenever the row is read. Changed
// only by folding whole memtables, each in one durable transaction that also stores the sequence number it reaches.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/engine/engine.h"
#include "store/engine/file.h"
#include "store/engine/memtable.h"
#include "store/lmdb.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread, fold() by one at a time.
class Base {
 public:
  /// Opens or makes the base in directory `path`. Errors: as lmdb::Env::open().
  static Result<std::unique_ptr<Base>> open(const std::string& path);

  /// As an lmdb::Cursor over the rows. A row that is damaged throws StoreException (corrupt) when its value is asked
  /// for.
  class RowCursor : private lmdb::Cursor {
   public:
    RowCursor(const Base& base, const lmdb::Txn& txn) : Cursor(txn, base.rows_), base_(base) {}
    using Cursor::key;
    using Cursor::next;
    using Cursor::prev;
    using Cursor::seek;
    using Cursor::seek_before;
    using Cursor::valid;
    std::string_view value() const { return base_.verified(key(), Cursor::value()); }

   private:
    const Base& base_;
  };

  /// One consistent state of the base. Used by one thread at a time.
  class View {
   public:
    explicit View(const Base& base) : base_(base), txn_(*base.env_) {}
    /// Throws StoreException (corrupt) where the row is damaged.
    std::optional<std::string_view> get(std::string_view key) const;
    /// Grows by one with each fold.
    uint64_t id() const { return txn_.id(); }
    void renew() {
      txn_.reset();
      txn_.renew();
    }
    /// Lets go of the state; only renew() may follow.
    void reset() { txn_.reset(); }
    Sequence sequence() const { return base_.sequence_in(txn_); }
    uint64_t rows() const { return txn_.rows(base_.rows_); }
    RowCursor cursor() const { return RowCursor(base_, txn_); }

   private:
    const Base& base_;
    lmdb::ReadTxn txn_;
  };

  /// Writes the newest version of every key of `memtable` and `sequence`, durably or not at all.
  /// Errors: no_space, io, corrupt.
  Result<void> fold(const Memtable& memtable, Sequence sequence);

  struct RowsCheck {
    std::vector<std::string> damaged;  // keys, as they are now, of rows that are not what was written
    uint64_t missing = 0;              // rows that were written and that nothing leads to any more
  };
  /// Reads all rows. Errors: corrupt (LMDB's own pages are damaged). A base without checksums has no damaged rows.
  Result<RowsCheck> check_rows() const;
  /// Removes damaged rows, durably, all or none. Errors: as fold().
  Result<void> remove_damaged_rows();

  /// The sequence that the last fold reached.
  Sequence sequence() const { return sequence_.load(); }
  int clear_stale_readers() { return env_->clear_stale_readers(); }
  /// As of the last fold.
  lmdb::Usage usage() const;
  /// What folds can grow by on a full disk, as lmdb::Env::preallocated_bytes().
  uint64_t reserved_bytes() const { return env_->preallocated_bytes(); }
  bool reserve(uint64_t bytes) { return env_->preallocate(bytes); }

 private:
  Base() = default;
  /// Makes of a row's value what is stored of it.
  void seal(std::string_view key, std::string& value) const;
  /// The value of a row, of what is stored. Throws StoreException (corrupt).
  std::string_view verified(std::string_view key, std::string_view stored) const;
  Result<void> load_format();
  static Result<void> make(const std::string& path, Directory& directory);
  static Result<std::unique_ptr<Base>> open_made(const std::string& path);
  Result<void> write(const Memtable& memtable, Sequence sequence);
  Sequence sequence_in(const lmdb::Txn& txn) const;
  Result<void> write_rows(lmdb::WriteTxn& txn, const Memtable& memtable, Sequence sequence);
  void measure();

  std::unique_ptr<lmdb::Env> env_;
  lmdb::Table rows_ = 0;
  lmdb::Table meta_ = 0;
  bool has_checksums_ = true;  // constant once open
  std::atomic<Sequence> sequence_{0};
  std::atomic<uint64_t> file_bytes_{0};
  std::atomic<uint64_t> free_bytes_{0};
  std::atomic<uint64_t> map_bytes_{0};
};

}  // namespace kvfs
