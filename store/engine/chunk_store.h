// Bulk storage of the chunks of large values, beside the ordered rows. A chunk is written once, then a row that
// commits refers to it. Knows nothing of entries or rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// Where a chunk lies. Encoded in chunk rows (docs/format.md): DO NOT CHANGE without a new row version.
struct ChunkRef {
  uint32_t segment = 0;
  uint32_t page = 0;    // offset in the segment in units of kChunkPageBytes
  uint32_t length = 0;  // bytes
  uint32_t crc32c = 0;  // of the bytes
  bool operator==(const ChunkRef&) const = default;
};

inline constexpr uint32_t kChunkPageBytes = 4096;

/// Thread safety: all functions may be called from any thread.
/// Lifecycle of a chunk: append() -> referenced by a row of a transaction that called Transaction::use_chunk() and
/// committed -> Transaction::release_chunk() by a committed
/// transaction -> reclaimed when that commit is durable and no snapshot or pin can still see it. A chunk appended
/// and never referenced is given back by discard(); after a crash retain_only() finds such chunks.
class ChunkStore {
 public:
  virtual ~ChunkStore() = default;

  /// Writes 1 .. kChunkBytesMax bytes. Durable when a later transaction that refers to it is durable.
  /// Errors: no_space, io, read_only.
  virtual Result<ChunkRef> append(std::string_view bytes) = 0;

  /// Reads `length` bytes from `offset` within the chunk into `out`. Errors: io, corrupt (a whole-chunk read whose
  /// checksum fails), out_of_range.
  virtual Result<void> read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const = 0;

  /// These will be read soon, in this order: begins to bring them from the disk, without waiting. A hint, without
  /// errors.
  virtual void will_need(std::span<const ChunkRef> /*refs*/) const {}

  /// Gives back a chunk that no committed row has ever referred to; no-op for one that some row has.
  virtual void discard(const ChunkRef& ref) = 0;

  /// While a pin lives, chunks visible at the moment it was taken are not reclaimed, although no snapshot is held:
  /// for streaming a value to a slow client.
  class Pin {
   public:
    virtual ~Pin() = default;
  };
  virtual std::unique_ptr<Pin> pin() = 0;

  /// True after opening a store that was not closed cleanly, until retain_only(): chunks may exist that no row refers
  /// to. The store works meanwhile; their space is merely not reused.
  virtual bool unclean() const = 0;
  /// Reclaims every chunk that `enumerate` does not pass to its argument. REQUIRES: called before the first append().
  /// Errors: io, and what `enumerate` returns (then nothing is reclaimed).
  using Keep = std::function<void(const ChunkRef&)>;
  virtual Result<void> retain_only(const std::function<Result<void>(const Keep&)>& enumerate) = 0;

  /// Bytes of live and not yet reclaimed chunks.
  virtual uint64_t bytes_used() const = 0;
};

}  // namespace kvfs
