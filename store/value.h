// Values of any size on their way into and out of the store: staged in memory or in chunks outside of any
// transaction, then published by one; read by ranges.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/txn.h"

namespace kvfs {

/// A change of a value, ready to be published by set_value() or put(). Owns the chunks it wrote until published():
/// the destructor discards them. Move-only. Publishing may run several times (transactions rerun): it does not modify.
class StagedValue {
 public:
  explicit StagedValue(ChunkStore& chunks) : chunks_(&chunks) {}
  StagedValue(StagedValue&& other) noexcept;
  StagedValue& operator=(StagedValue&& other) noexcept;
  ~StagedValue();

  /// A whole small value.
  /// REQUIRES: bytes.size() <= kInlineBytesMax.
  static StagedValue inlined(ChunkStore& chunks, std::string bytes);

  /// true: the new value is exactly what is staged. false: it is the current value cut or extended with zeros to
  /// `size`, with the staged chunks laid over it.
  bool replaces = true;
  uint64_t size = 0;
  /// The whole value, where it is small. Only with `replaces`, and then `chunks` is empty.
  std::optional<std::string> bytes;

  /// Writes chunk number `index` (bytes from index * kChunkBytes), at most kChunkBytes; replaces what was staged there.
  /// Trailing bytes of a chunk that are not given are zeros. Errors: as ChunkStore::append.
  Result<void> stage_chunk(uint32_t index, std::string_view bytes);
  /// The chunk becomes a hole.
  void stage_hole(uint32_t index);
  /// nullopt value: a hole.
  const std::map<uint32_t, std::optional<ChunkRef>>& chunks() const { return staged_; }
  /// Reads back a staged chunk into `out` (kChunkBytes, zero-filled). False: nothing is staged at `index`.
  Result<bool> read_chunk(uint32_t index, char* out) const;

  /// The transaction that published this has committed: the chunks belong to the store now.
  void published();

 private:
  void discard();
  ChunkStore* chunks_;
  std::map<uint32_t, std::optional<ChunkRef>> staged_;
};

/// Takes a value as a stream in bounded memory (one chunk).
class ValueWriter {
 public:
  ValueWriter(ChunkStore& chunks, uint64_t bytes_max) : staged_(chunks), bytes_max_(bytes_max) {}
  /// Errors: value_too_large (names the limit), no_space, io, read_only.
  Result<void> append(std::string_view bytes);
  /// Where the value's next bytes may be put by who has them not yet, 1 to kChunkBytes of them; valid until the next
  /// call.
  std::span<char> room();
  /// Takes the first `bytes` of room(). Errors: as append().
  Result<void> took(size_t bytes);
  uint64_t size() const { return size_; }
  /// The complete value. The writer is empty afterwards.
  Result<StagedValue> finish();

 private:
  Result<void> count(size_t bytes);
  Result<void> fill(size_t bytes);
  Result<void> stage(std::string_view chunk);
  StagedValue staged_;
  uint64_t bytes_max_;
  uint64_t size_ = 0;
  std::unique_ptr<char[]> chunk_;  // kChunkBytes, made when needed
  size_t filled_ = 0;              // of chunk_
};

/// Reads up to `length` bytes from `offset` of the entry's value; fewer only at its end. Holes read as zeros.
/// `entry` was decoded from `txn`.
Result<size_t> read_value(const ReadTxn& txn, const Entry& entry, uint64_t offset, size_t length, char* out);
/// The whole value. Errors: value_too_large if longer than `bytes_max`.
Result<std::string> read_whole_value(const ReadTxn& txn, const Entry& entry, uint64_t bytes_max);

/// Reads a value over a long time (to a slow client) without a transaction: it sees the value as it was when opened.
/// Memory: 24 bytes a chunk.
class ValueReader {
 public:
  ValueReader(const ReadTxn& txn, const Entry& entry);
  uint64_t size() const { return size_; }
  Result<size_t> read(uint64_t offset, size_t length, char* out) const;

 private:
  ChunkStore* chunks_;
  uint64_t size_;
  std::string bytes_;
  std::optional<StagedValue> written_;  // of a large set
  std::map<uint32_t, ChunkRef> refs_;
  std::unique_ptr<ChunkStore::Pin> pin_;
};

/// The next offset >= `offset` that holds data, or a hole (SEEK_DATA, SEEK_HOLE of lseek(2)), in units of chunks.
/// Errors: out_of_range (past the end; no data after `offset`).
Result<uint64_t> seek_data(const ReadTxn& txn, const Entry& entry, uint64_t offset);
Result<uint64_t> seek_hole(const ReadTxn& txn, const Entry& entry, uint64_t offset);
/// Bytes that the value's chunks occupy, for st_blocks.
uint64_t value_bytes_allocated(const ReadTxn& txn, const Entry& entry);

}  // namespace kvfs
