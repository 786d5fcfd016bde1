// The durable log of batches: append, sync, replay, release. Local implementation over segment files.
// Knows nothing of rows, of the memtable or of the base; docs/format.md has the layout.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/engine/batch.h"
#include "store/engine/engine.h"
#include "store/engine/file.h"
#include "store/result.h"

namespace kvfs {

struct JournalOptions {
  uint64_t segment_bytes = 16 * 1024 * 1024;  // preallocated size of a segment; a larger record gets a larger segment
  uint64_t segment_bytes_min = 64 * 1024;     // where the disk has no room for that; not kept for reuse
  uint32_t spare_segments_max = 4;            // released segments kept for reuse; the others are unlinked
  uint64_t record_bytes_max = 256 * 1024 * 1024;
  /// Opens a damaged journal: keeps every readable record and lists the rest in JournalOpening::left_out. The damage
  /// stays on disk until it is released, so checkpoint and release before anything else.
  bool salvage = false;
};

/// What open_journal() found.
struct JournalOpening {
  struct Gap {
    std::string file;
    uint64_t offset = 0;  // of the first byte that is not a record
    uint64_t bytes = 0;   // until the next record or the file's end
    Sequence first_missing = 0;
    Sequence last_missing = 0;  // 0: not known, nothing readable follows
    std::string reason;
  };
  std::vector<Gap> left_out;  // only with `salvage`
  uint64_t records = 0;       // that hold something after the base
  uint64_t records_cut = 0;   // readable ones behind a torn one: never promised durable, lost in the crash
};

/// Sequence numbers are contiguous: a record covers [first, first + count) and the next starts where it ends.
///
/// Durability: a record is in the page cache when append() returns (survives the process), and on the disk when a
/// sync() that began later has succeeded. After power loss the journal opens to a prefix of the appended records that
/// holds at least all synced ones. Each record tells how far the journal was synced when it was written, so that a
/// torn tail (unsynced, cut) and damage (was synced, an error) are told apart.
///
/// Thread safety: append(), rotate() and close() by one thread at a time; all else from any thread, also beside them.
/// A failed sync, or a write that failed for another reason than space, makes the journal read-only for good: all
/// later calls return `read_only` with the first reason. After `no_space` an append may be tried again. A record whose
/// append failed may or may not be there at the next opening, unless a later append succeeded: then it is not.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Writes one record with a single write. `record` is kJournalHeaderBytes of room, which this fills in, and the
  /// payload (Batch::record()). Returns the last sequence it covers. REQUIRES: count > 0, first == last_sequence() + 1.
  /// Errors: no_space, io, read_only, value_too_large (record_bytes_max), invalid (not the next sequence).
  virtual Result<Sequence> append(std::span<char> record, uint32_t count, Sequence first) = 0;

  /// Makes all records durable whose append() returned before this call. Concurrent calls share one fdatasync.
  virtual Result<void> sync() = 0;

  /// The next append begins a new segment, so that all before it can be released as a whole. No I/O.
  virtual void rotate() = 0;

  /// Calls `visit` for the records that end at or after `from`, in order, as they were when the journal was opened.
  /// Stops at the first error of `visit` and returns it. REQUIRES: before the first append().
  using Visit = std::function<Result<void>(Sequence first, uint32_t count, std::string_view payload)>;
  virtual Result<void> replay(Sequence from, const Visit& visit) = 0;

  /// Gives up all segments whose records are all <= `up_to`, but for the one in use. REQUIRES: `up_to` is durable
  /// elsewhere. They are recycled or unlinked.
  virtual Result<void> release(Sequence up_to) = 0;

  /// Fills the next segment with zeros and syncs it, if there is none to recycle: call it off the write path, so that
  /// append() need not wait when a segment is full and later syncs are cheap. Errors change nothing.
  virtual Result<void> prepare() = 0;

  /// Gives the disk space of segments that are kept for reuse back, but for `keep` of them.
  virtual Result<void> drop_spares(size_t keep = 0) = 0;

  /// Syncs and marks the end, so that the next opening knows that nothing may be missing. append() is over.
  virtual Result<void> close() = 0;

  virtual Sequence last_sequence() const = 0;     // of the last record, or the base given at opening
  virtual Sequence durable_sequence() const = 0;  // synced up to here
  virtual uint64_t bytes_live() const = 0;        // of records not released
  virtual uint64_t bytes_on_disk() const = 0;     // of all files, spare ones included
  virtual uint64_t syncs() const = 0;             // fdatasync calls for records
};

/// Opens or makes the journal in `directory`, of which it owns all files named *.journal and *.spare, after a
/// checkpoint that holds all up to `base`: older records are not needed, and a damaged one among them is no error.
/// What this finds is durable when it returns. Errors: corrupt (the detail names file and offset), unsupported (written
/// by a later version), io, no_space.
Result<std::unique_ptr<Journal>> open_journal(std::unique_ptr<Directory> directory, Sequence base,
                                              const JournalOptions& options = {}, JournalOpening* opening = nullptr);

}  // namespace kvfs
