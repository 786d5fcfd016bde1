// A batch: the row changes of one or more commits, encoded as they stand in the journal (docs/format.md).
// Knows nothing of files or of sequences.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/engine/engine.h"
#include "store/result.h"

namespace kvfs {

/// Bytes that the journal fills in front of every batch, in place, so that a record is one write.
inline constexpr size_t kJournalHeaderBytes = 32;

/// Builds a batch in one growing buffer, reused after clear(): no allocation in the steady state.
/// Thread safety: none.
///
/// DO NOT CHANGE the encoding: it is on disk. A batch is a sequence of operations, each
///   0x01 varint(key bytes) varint(value bytes) key value      put
///   0x02 varint(key bytes) key                                erase
///   0x03 segment u32 page u32 length u32 crc32c u32           release of a chunk (little-endian)
///   0x04 varint(bytes) bytes                                  note: free for the engine, e.g. a commit boundary
class Batch {
 public:
  Batch() { clear(); }

  /// REQUIRES: key 1..kRowKeyBytesMax bytes, value <= kRowValueBytesMax.
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void release_chunk(const ChunkRef& ref);
  /// REQUIRES: at most kBatchNoteBytesMax bytes.
  void note(std::string_view bytes);
  /// Adds the other batch's operations behind this one's.
  void append(const Batch& other);
  /// Frees a buffer that grew beyond kBatchKeptBytesMax.
  void clear();

  bool empty() const { return operations_ == 0; }
  uint32_t operations() const { return operations_; }
  size_t bytes() const { return buffer_.size() - kJournalHeaderBytes; }
  /// The encoded operations, for decode_batch(); valid until the next change.
  std::string_view payload() const { return std::string_view(buffer_).substr(kJournalHeaderBytes); }
  /// Room for the header followed by the payload, for Journal::append().
  std::span<char> record() { return {buffer_.data(), buffer_.size()}; }

 private:
  std::string buffer_;
  uint32_t operations_ = 0;
};

inline constexpr size_t kBatchNoteBytesMax = 4096;
inline constexpr size_t kBatchKeptBytesMax = 4 * 1024 * 1024;

/// Receives a batch's operations in order; views are into the decoded bytes.
class BatchVisitor {
 public:
  virtual ~BatchVisitor() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  virtual void release_chunk(const ChunkRef& ref) = 0;
  virtual void note(std::string_view /*bytes*/) {}
};

/// Safe on any bytes: checks every length and limit and visits nothing unless the whole batch is well-formed.
/// Errors: corrupt (the detail has the offset within the batch).
Result<void> decode_batch(std::string_view payload, BatchVisitor& visitor);

}  // namespace kvfs
