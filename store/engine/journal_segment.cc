#include "store/engine/journal_segment.h"

#include <charconv>

#include "store/engine/coding.h"
#include "store/engine/crc32c.h"

namespace kvfs {
namespace {

constexpr std::string_view kMagic("kvfsjnl\0", 8);
constexpr size_t kHeaderFieldBytes = 40;
constexpr size_t kHeaderCopyOffset = 2048;
constexpr std::string_view kSegmentSuffix = ".journal";
constexpr std::string_view kSpareSuffix = ".spare";
constexpr size_t kNumberDigits = 16;

Result<SegmentHeader> decode_one_header(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) return Error{Errc::corrupt, "no segment header"};
  if (load_fixed<uint32_t>(bytes.data() + kHeaderFieldBytes) != crc32c(bytes.substr(0, kHeaderFieldBytes))) {
    return Error{Errc::corrupt, "damaged segment header"};
  }
  if (const auto version = load_fixed<uint32_t>(bytes.data() + 8); version != kSegmentVersion) {
    return Error{Errc::unsupported, "journal format version " + std::to_string(version) + ", this kvfs knows " +
                                        std::to_string(kSegmentVersion)};
  }
  SegmentHeader header;
  header.salt = load_fixed<uint32_t>(bytes.data() + 12);
  header.number = load_fixed<uint64_t>(bytes.data() + 16);
  header.first = load_fixed<uint64_t>(bytes.data() + 24);
  header.durable = load_fixed<uint64_t>(bytes.data() + 32);
  return header;
}

std::string numbered(uint64_t number, std::string_view suffix) {
  char digits[kNumberDigits];
  const auto end = std::to_chars(digits, digits + kNumberDigits, number, 16).ptr;
  const auto length = static_cast<size_t>(end - digits);
  return std::string(kNumberDigits - length, '0').append(digits, length).append(suffix);
}

std::optional<uint64_t> parse_numbered(std::string_view name, std::string_view suffix) {
  if (name.size() != kNumberDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  const char* const digits_end = name.data() + kNumberDigits;
  const auto parsed = std::from_chars(name.data(), digits_end, number, 16);
  // One name for each number: from_chars takes capitals and a sign, too.
  if (parsed.ec != std::errc() || parsed.ptr != digits_end || numbered(number, suffix) != name) return std::nullopt;
  return number;
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string one(kMagic);
  append_fixed(one, kSegmentVersion);
  append_fixed(one, header.salt);
  append_fixed(one, header.number);
  append_fixed(one, header.first);
  append_fixed(one, header.durable);
  append_fixed(one, crc32c(one));
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.replace(0, one.size(), one);
  bytes.replace(kHeaderCopyOffset, one.size(), one);
  return bytes;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return Error{Errc::corrupt, "no segment header"};
  auto header = decode_one_header(bytes);
  if (header || header.error().code == Errc::unsupported) return header;
  auto copy = decode_one_header(bytes.substr(kHeaderCopyOffset));
  return copy || copy.error().code == Errc::unsupported ? copy : header;
}

void seal_record(std::span<char> record, uint32_t count, Sequence first, Sequence durable, uint32_t salt) {
  const std::string_view payload(record.data() + kJournalHeaderBytes, record.size() - kJournalHeaderBytes);
  char* const at = record.data();
  store_fixed(at + 4, crc32c_extend(salt, payload));
  store_fixed(at + 8, static_cast<uint32_t>(payload.size()));
  store_fixed(at + 12, count);
  store_fixed(at + 16, first);
  store_fixed(at + 24, durable);
  store_fixed(at, crc32c_extend(salt, {at + 4, kJournalHeaderBytes - 4}));
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, uint32_t salt) {
  if (bytes.size() < kJournalHeaderBytes) return std::nullopt;
  const char* const at = bytes.data();
  RecordHeader header;
  header.payload_crc = load_fixed<uint32_t>(at + 4);
  header.payload_bytes = load_fixed<uint32_t>(at + 8);
  header.count = load_fixed<uint32_t>(at + 12);
  header.first = load_fixed<uint64_t>(at + 16);
  header.durable = load_fixed<uint64_t>(at + 24);
  // The cheap tests come first: recovery looks for a header at every byte.
  if (header.first == 0 || header.durable >= header.first || header.first > UINT64_MAX - header.count ||
      header.payload_bytes > bytes.size() - kJournalHeaderBytes) {
    return std::nullopt;
  }
  if (load_fixed<uint32_t>(at) != crc32c_extend(salt, {at + 4, kJournalHeaderBytes - 4})) return std::nullopt;
  return header;
}

std::optional<std::string_view> record_payload(std::string_view bytes, const RecordHeader& header, uint32_t salt) {
  const std::string_view payload = bytes.substr(kJournalHeaderBytes, header.payload_bytes);
  if (crc32c_extend(salt, payload) != header.payload_crc) return std::nullopt;
  return payload;
}

std::string segment_name(uint64_t number) { return numbered(number, kSegmentSuffix); }
std::string spare_name(uint64_t number) { return numbered(number, kSpareSuffix); }
std::optional<uint64_t> parse_segment_name(std::string_view name) { return parse_numbered(name, kSegmentSuffix); }
std::optional<uint64_t> parse_spare_name(std::string_view name) { return parse_numbered(name, kSpareSuffix); }

}  // namespace kvfs
