// The layout of a journal segment: header, records, marks. Pure functions over bytes; no files.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/engine/batch.h"
#include "store/engine/engine.h"
#include "store/result.h"

namespace kvfs {

/// DO NOT CHANGE without a new kSegmentVersion (docs/format.md). All integers are little-endian.
///   0     header (SegmentHeader): magic 8, version u32, salt u32, number u64, first u64, durable u64, crc32c u32
///   2048  the header's copy
///   4096  records, one after the other: header crc32c u32, payload crc32c u32, payload bytes u32, count u32, first
///         u64, durable u64, payload. Both checksums start from the segment's salt, which is drawn anew whenever the
///         file is used again, so that nothing of its former life passes for a record. The first covers the 28 bytes
///         behind it.
/// A record with count 0 and no payload is a mark: the segment ends there.
inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 4096;

struct SegmentHeader {
  uint64_t number = 0;  // as in the file's name; grows, never repeats
  uint32_t salt = 0;
  Sequence first = 0;    // of the first record
  Sequence durable = 0;  // synced up to here when the segment was begun
};

std::string encode_segment_header(const SegmentHeader& header);
/// From the first kSegmentHeaderBytes of a file, from either copy. Errors: corrupt; unsupported (a later version).
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

struct RecordHeader {
  uint32_t payload_crc = 0;
  uint32_t payload_bytes = 0;
  uint32_t count = 0;  // of sequence numbers; 0: a mark
  Sequence first = 0;
  Sequence durable = 0;  // synced up to here when the record was written

  Sequence last() const { return first + count - 1; }
  uint64_t record_bytes() const { return uint64_t{kJournalHeaderBytes} + payload_bytes; }
};

/// Fills in the first kJournalHeaderBytes of `record`, the rest of which is the payload.
void seal_record(std::span<char> record, uint32_t count, Sequence first, Sequence durable, uint32_t salt);

/// The header at the front of `bytes`, if it is one of this salt and its payload fits into `bytes`.
std::optional<RecordHeader> decode_record_header(std::string_view bytes, uint32_t salt);

/// The payload of the record at the front of `bytes`, unless it is damaged.
std::optional<std::string_view> record_payload(std::string_view bytes, const RecordHeader& header, uint32_t salt);

/// "00000000000000a1.journal"
std::string segment_name(uint64_t number);
std::string spare_name(uint64_t number);
std::optional<uint64_t> parse_segment_name(std::string_view name);
std::optional<uint64_t> parse_spare_name(std::string_view name);

}  // namespace kvfs
