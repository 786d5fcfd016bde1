// LMDB behind RAII types: the only place that knows <lmdb.h>. Safe mode always (no MDB_NOSYNC, no MDB_WRITEMAP), so a
// power loss cannot corrupt the file. Pages that are damaged, or that the disk cannot read, are errors, and not the end
// of the process (fault_guard.h). Knows nothing of engines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/result.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace kvfs::lmdb {

using Table = unsigned;  // handle of a named table, valid as long as its Env

struct EnvOptions {
  std::string path;             // directory, made if absent (mode 0700)
  uint64_t map_bytes = 0;       // address space reserved for the file, which grows within it; 0: as much as is sensible
  unsigned readers_max = 8192;  // simultaneous read transactions
  bool read_only = false;
};

struct Usage {
  uint64_t file_bytes = 0;  // pages ever used
  uint64_t free_bytes = 0;  // of them, on the free list
  uint64_t map_bytes = 0;
};

/// Thread safety: all functions may be called from any thread; one write transaction at a time, others wait.
class Env {
 public:
  /// Errors: access_denied, not_found (parent directory), corrupt (also where the file's tail is missing), no_space,
  /// io.
  static Result<std::unique_ptr<Env>> open(const EnvOptions& options);
  /// REQUIRES: no transaction lives.
  ~Env();
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  /// Opens or makes a table. REQUIRES: no transaction is under way. Errors: io, no_space, corrupt; not_found (read
  /// only).
  Result<Table> open_table(const char* name);
  /// Frees the slots of readers whose process died. Returns how many.
  int clear_stale_readers();
  Usage usage() const;
  /// Disk space that the file owns behind its end, in bytes: its growth uses that up before it needs any of the disk's.
  uint64_t preallocated_bytes() const;
  /// Makes that `bytes`. False where the disk is too full, or its file system cannot (fallocate(2)).
  bool preallocate(uint64_t bytes);
  /// Writes a consistent copy into directory `path`, which exists; `compact` leaves free pages out.
  Result<void> copy(const std::string& path, bool compact) const;

 private:
  static Result<void> make_room_for_readers(const EnvOptions& options);
  Result<void> check_length(const std::string& file) const;
  uint64_t free_pages_from(uint64_t first) const;

  friend class Txn;
  friend class ReadTxn;
  friend class WriteTxn;
  Env() = default;
  MDB_env* env_ = nullptr;
};

/// Reads. A transaction belongs to one thread at a time. Damage throws StoreException.
class Txn {
 public:
  Txn(const Txn&) = delete;
  Txn& operator=(const Txn&) = delete;

  /// A view into the map, valid until the transaction ends (in a WriteTxn: until its next write).
  std::optional<std::string_view> get(Table table, std::string_view key) const;
  uint64_t rows(Table table) const;
  /// Number of the LMDB transaction whose state is seen; grows by one with each commit.
  uint64_t id() const;

 protected:
  friend class Cursor;
  friend class WriteCursor;
  Txn() = default;
  ~Txn();
  MDB_txn* txn_ = nullptr;
};

class ReadTxn : public Txn {
 public:
  /// Throws StoreException when no reader slot is free or the file is damaged.
  explicit ReadTxn(const Env& env);
  /// Gives up the view but keeps the reader slot; only renew() and the destructor may follow.
  void reset();
  void renew();
};

/// Aborts when destroyed before commit(). Begins, is used and ends on one thread.
class WriteTxn : public Txn {
 public:
  /// Errors: io, no_space, corrupt.
  static Result<std::unique_ptr<WriteTxn>> begin(Env& env);
  /// Errors: no_space, io, corrupt. After an error only the destructor may follow.
  Result<void> put(Table table, std::string_view key, std::string_view value);
  /// Faster, for keys beyond the last row of the table.
  Result<void> append(Table table, std::string_view key, std::string_view value);
  /// No-op where absent.
  Result<void> erase(Table table, std::string_view key);
  /// Durable when it returns without error. The transaction is over in any case.
  Result<void> commit();
};

/// Changes rows in any order, neighbours cheaply: it stays where the last row was. Must end before its transaction.
class WriteCursor {
 public:
  WriteCursor(WriteTxn& txn, Table table) : txn_(txn.txn_), table_(table) {}
  ~WriteCursor();
  WriteCursor(const WriteCursor&) = delete;
  WriteCursor& operator=(const WriteCursor&) = delete;

  /// Errors: as WriteTxn.
  Result<void> put(std::string_view key, std::string_view value);
  /// No-op where absent.
  Result<void> erase(std::string_view key);
  /// Erases the rows that `condemned` says of all that there are, in order; found by their place, not by their key.
  Result<void> erase_if(const std::function<bool(std::string_view key, std::string_view value)>& condemned);

 private:
  /// Throws StoreException.
  MDB_cursor* cursor();

  MDB_txn* const txn_;
  const Table table_;
  MDB_cursor* cursor_ = nullptr;  // since the first change
};

/// Moves in byte order; starts invalid. Must not outlive its transaction. Damage throws StoreException.
class Cursor {
 public:
  Cursor(const Txn& txn, Table table);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void seek(std::string_view key);         // first row with key >= `key`
  void seek_before(std::string_view key);  // last row with key < `key`
  void seek_last();
  void next();  // REQUIRES: valid()
  void prev();  // REQUIRES: valid()
  bool valid() const { return valid_; }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  void move(int op);
  MDB_cursor* cursor_ = nullptr;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace kvfs::lmdb
