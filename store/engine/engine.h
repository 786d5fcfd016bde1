// The transactional ordered map under the store: snapshot reads, ordered scans both ways, atomic transactions.
// Nothing above this interface knows how or where it stores: no path, no LMDB type, no single-writer assumption.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/engine/chunk_store.h"
#include "store/result.h"

namespace kvfs {

inline constexpr size_t kRowKeyBytesMax = 511;            // LMDB's default limit
inline constexpr size_t kRowValueBytesMax = 1024 * 1024;  // larger values are chunks
inline constexpr size_t kChunkBytesMax = 1024 * 1024;

/// Of a commit; grows by at least 1 each, also across restarts. Those of commits that a power loss took are given out
/// again: outside of a process, versions (entry.h) tell one change from another, not sequences.
using Sequence = uint64_t;

/// When an acknowledged write survives power loss; ordered from weakest to strictest. See docs/semantics.md.
struct Durability {
  enum class Mode { system, interval, every, strict };
  Mode mode = Mode::system;  // `fsync = default`
  uint64_t n = 0;            // every: operations; interval: milliseconds
  bool operator==(const Durability&) const = default;
};
/// Parses "default", "strict", "every=N", "interval=MS". Errors: invalid.
Result<Durability> parse_durability(std::string_view text);
std::string to_string(const Durability& durability);

/// Moves over the rows of one snapshot or transaction in byte order. Starts invalid.
/// key() and value() are valid until the cursor moves or its snapshot ends; in a Transaction also only until the
/// next put or erase, after which the cursor must be sought again. Throws StoreException on damage.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void seek(std::string_view key) = 0;         // first row with key >= `key`
  virtual void seek_before(std::string_view key) = 0;  // last row with key < `key`
  virtual void next() = 0;                             // REQUIRES: valid()
  virtual void prev() = 0;                             // REQUIRES: valid()
  /// From the next seek on, the caller looks at keys that begin with `prefix` alone: the cursor may become invalid
  /// behind them instead of passing over what was erased there. REQUIRES: what is sought lies within, or at an end.
  void keep_to(std::string_view prefix) { prefix_ = prefix; }
  bool valid() const { return valid_; }
  std::string_view key() const { return key_; }      // REQUIRES: valid()
  std::string_view value() const { return value_; }  // REQUIRES: valid()

 protected:
  // Where it stands is kept here, so that a scan costs one virtual call for each row.
  void stand_at(std::string_view key, std::string_view value) {
    valid_ = true;
    key_ = key;
    value_ = value;
  }
  void stand_nowhere() { valid_ = false; }
  bool keeps_to(std::string_view key) const { return key.starts_with(prefix_); }

 private:
  std::string prefix_;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
};

/// A consistent view of all rows at one sequence number. Used by one thread at a time; destroy it before waiting for
/// a client. Throws StoreException on damage.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// The row's value, valid as long as the snapshot (in a Transaction: until its next put or erase).
  virtual std::optional<std::string_view> get(std::string_view key) const = 0;
  /// Must not outlive the snapshot.
  virtual std::unique_ptr<Cursor> cursor() const = 0;
  virtual Sequence sequence() const = 0;
};

/// A Snapshot that sees its own writes. All of them commit together or not at all.
class Transaction : public Snapshot {
 public:
  /// Errors are deferred to the commit. REQUIRES: key 1..kRowKeyBytesMax bytes, value <= kRowValueBytesMax.
  /// The bytes are copied; they may be views into this transaction.
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;  // no-op where absent
  /// The strictest policy among the engine's own and all that is required here applies to this commit.
  virtual void require(const Durability& durability) = 0;
  /// Says that rows of this transaction refer to a chunk appended since. Needed once per new chunk: recovery after a
  /// power loss keeps a commit that was not yet durable only if its chunks reached the disk.
  virtual void use_chunk(const ChunkRef& ref) = 0;
  /// Gives the chunk's space back once this commit is durable and invisible to every snapshot.
  virtual void release_chunk(const ChunkRef& ref) = 0;
};

using DurableCallback = std::function<void(const Result<void>&)>;

struct CommitOptions {
  /// Called once, in commit order, after the commit is visible to new snapshots, before any later body runs, and
  /// before transact() returns. A strict commit is visible before it is durable; its writer alone waits for the disk.
  /// Runs under the engine's commit lock: short, no engine calls, must not throw.
  std::function<void(Sequence)> on_commit;
  /// Where given, transact() does not wait for the sync that a policy demands: it stores the commit's sequence here,
  /// and who acknowledges the commit waits for Engine::when_durable(). Untouched where no sync is demanded.
  Sequence* awaits_sync = nullptr;
};

/// Plain numbers for stats and metrics, e.g. {"journal_bytes", 123}. Names are stable, snake_case, units last.
using EngineStats = std::vector<std::pair<std::string, uint64_t>>;

struct SpaceUse {
  uint64_t bytes_used = 0;
  uint64_t bytes_max = 0;  // what can be stored in all: min(max_size, used + free on the disk)
};

/// Thread safety: all functions may be called from any thread.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual std::unique_ptr<Snapshot> snapshot() = 0;

  using Body = std::function<Result<void>(Transaction&)>;
  /// Runs `body` and commits what it wrote, or nothing if it returns an error (returned as is) or throws (rethrown).
  /// `body` may run again after a conflict: it must have no side effects outside the transaction.
  /// A transaction that wrote nothing gets the sequence of the last commit.
  /// REQUIRES: not called from within a body. Errors of its own: no_space, value_too_large (the whole transaction),
  /// io, read_only. If a sync that the policy demands fails (io, read_only), the commit was visible (and on_commit was
  /// called), but it may not survive; the engine takes no more writes.
  virtual Result<Sequence> transact(const Body& body, const CommitOptions& options = {}) = 0;

  /// Makes every commit that was acknowledged before the call durable. Errors: io, read_only (an earlier sync failed).
  virtual Result<void> sync() = 0;

  /// Calls `told` once, when all commits up to `sequence` are durable, or with why they may not be (errors as sync()):
  /// at once where they are already, else on a thread of the engine, at the latest when the engine ends. Those who come
  /// while a sync is under way share the next. `told` is short, makes no engine calls, and must not throw.
  virtual void when_durable(Sequence sequence, DurableCallback told) = 0;

  /// Folds the journal into the base now. A no-op where there is none.
  virtual Result<void> checkpoint() = 0;

  virtual ChunkStore& chunks() = 0;
  virtual EngineStats stats() const = 0;
  virtual SpaceUse space() const = 0;
};

class Directory;  // engine/file.h

struct EngineOptions {
  std::string kind = "lmdb";  // lmdb | memory
  std::string path;           // directory, made if absent (mode 0700)
  Durability durability;
  uint64_t max_size_bytes = 0;  // 0: limited by the disk alone

  // Of the lmdb engine:
  uint64_t memtable_entries_max = 400'000;         // more recently changed rows than that are folded into the base
  uint64_t memtable_bytes_max = 64 * 1024 * 1024;  // likewise, in bytes; memory is bounded by about 8 times this
  uint64_t fold_pages_max = 100'000;  // likewise, in pages of the base that they may change; 4 KiB of memory each
  uint64_t journal_bytes_max = 256 * 1024 * 1024;  // since the last checkpoint; bounds the time to open after a crash
  uint64_t checkpoint_interval_ms = 60'000;   // changes stay in the journal for at most about this long; 0: no limit
  uint64_t reserve_bytes = 64 * 1024 * 1024;  // of disk kept back so that deletes work when it is full
  bool salvage = false;                       // open a damaged journal with what is readable of it
  /// Told what an operator should know, in a sentence: what a salvage left out, why writes are refused. Any thread.
  std::function<void(const std::string&)> notice;
  /// For tests: what journal and chunks are written through; default: open_directory() of engine/file.h.
  std::function<Result<std::unique_ptr<Directory>>(const std::string& path)> open_directory;
};

/// Opens or makes the engine of `options.kind`. Errors: busy (another process has the store open; the detail gives its
/// pid), access_denied, not_found (parent directory), corrupt, no_space, invalid (unknown kind).
Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options);

}  // namespace kvfs
