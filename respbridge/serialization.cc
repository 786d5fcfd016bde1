#include "respbridge/serialization.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "store/byte_order.h"
#include "store/set_value.h"

namespace kvfs::resp {

namespace {

constexpr uint16_t kRdbVersion = 10;     // what Redis 7.0 writes
constexpr uint16_t kRdbVersionMax = 11;  // what is understood
constexpr uint8_t kTypeString = 0;
constexpr uint8_t kTypeSet = 2;
constexpr uint8_t kTypeIntset = 11;
constexpr uint8_t kTypeListpackSet = 20;
constexpr size_t kFooterBytes = 10;  // version, checksum

/// CRC-64 of Redis: polynomial 0xad93d23594c935a9, reflected, no inversion.
uint64_t crc64(std::string_view bytes) {
  static const std::array<uint64_t, 256> table = [] {
    std::array<uint64_t, 256> out{};
    for (uint64_t i = 0; i < out.size(); ++i) {
      uint64_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x95ac9329ac4bc9b5 : crc >> 1;
      out[i] = crc;
    }
    return out;
  }();
  uint64_t crc = 0;
  for (const char c : bytes) crc = table[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ crc >> 8;
  return crc;
}

void append_length(std::string& out, uint64_t length) {
  if (length < 64) {
    out.push_back(static_cast<char>(length));
  } else if (length < 16'384) {
    out.push_back(static_cast<char>(0x40 | length >> 8));
    out.push_back(static_cast<char>(length));
  } else if (length <= UINT32_MAX) {
    out.push_back(static_cast<char>(0x80));
    append_be32(out, static_cast<uint32_t>(length));
  } else {
    out.push_back(static_cast<char>(0x81));
    append_be64(out, length);
  }
}

void append_string(std::string& out, std::string_view bytes) {
  append_length(out, bytes.size());
  out.append(bytes);
}

/// LZF, as Redis compresses strings with it. nullopt: damaged.
std::optional<std::string> unfold(std::string_view in, size_t length) {
  std::string out;
  out.reserve(std::min<size_t>(length, in.size() * 264));
  for (size_t at = 0; at < in.size();) {
    const auto control = static_cast<uint8_t>(in[at++]);
    if (control < 32) {
      const size_t count = control + size_t{1};
      if (in.size() - at < count) return std::nullopt;
      out.append(in.substr(at, count));
      at += count;
    } else {
      size_t count = control >> 5;
      if (count == 7) {
        if (at >= in.size()) return std::nullopt;
        count += static_cast<uint8_t>(in[at++]);
      }
      if (at >= in.size()) return std::nullopt;
      const size_t back = (size_t{control} & 31) << 8 | static_cast<uint8_t>(in[at++]);
      if (back + 1 > out.size()) return std::nullopt;
      for (size_t i = 0; i < count + 2; ++i) out.push_back(out[out.size() - back - 1]);
    }
    if (out.size() > length) return std::nullopt;
  }
  if (out.size() != length) return std::nullopt;
  return out;
}

/// Reads the parts of a payload; nullopt: it ends too early or is damaged.
class Input {
 public:
  Input(std::string_view bytes, uint64_t bytes_max) : fields_(bytes), bytes_max_(bytes_max) {}

  std::optional<uint64_t> length() {
    const auto first = fields_.take<uint8_t>();
    if (fields_.failed()) return std::nullopt;
    if (first >> 6 == 0) return first;
    if (first >> 6 == 1) {
      const uint64_t low = fields_.take<uint8_t>();
      return checked((uint64_t{first} & 63) << 8 | low);
    }
    if (first == 0x80) return checked(__builtin_bswap32(fields_.take<uint32_t>()));
    if (first == 0x81) return checked(__builtin_bswap64(fields_.take<uint64_t>()));
    return std::nullopt;
  }

  std::optional<std::string> string() {
    const std::string_view rest = fields_.rest();
    if (rest.empty()) return std::nullopt;
    const auto first = static_cast<uint8_t>(rest[0]);
    if (first >> 6 != 3) {
      const std::optional<uint64_t> count = length();
      if (!count) return std::nullopt;
      return taken(*count);
    }
    (void)fields_.take<uint8_t>();
    switch (first & 63) {
      case 0:
        return number<int8_t>();
      case 1:
        return number<int16_t>();
      case 2:
        return number<int32_t>();
      case 3: {
        const std::optional<uint64_t> folded = length();
        const std::optional<uint64_t> unfolded = length();
        if (!folded || !unfolded || *unfolded > bytes_max_) return std::nullopt;
        const std::optional<std::string> bytes = taken(*folded);
        return bytes ? unfold(*bytes, *unfolded) : std::nullopt;
      }
      default:
        return std::nullopt;
    }
  }

  bool at_end() const { return fields_.rest().empty(); }

 private:
  std::optional<uint64_t> checked(uint64_t value) const {
    if (fields_.failed()) return std::nullopt;
    return value;
  }
  std::optional<std::string> taken(uint64_t count) {
    if (count > fields_.rest().size()) return std::nullopt;
    return std::string(fields_.take_bytes(count));
  }
  template <class T>
  std::optional<std::string> number() {
    const auto value = fields_.take<T>();
    if (fields_.failed()) return std::nullopt;
    return std::to_string(value);
  }

  FieldReader fields_;
  const uint64_t bytes_max_;
};

/// The numbers of an intset. nullopt: damaged.
std::optional<std::vector<std::string>> intset_members(std::string_view bytes) {
  FieldReader fields(bytes);
  const auto width = fields.take<uint32_t>();
  const auto count = fields.take<uint32_t>();
  if (fields.failed() || (width != 2 && width != 4 && width != 8) || fields.rest().size() != uint64_t{width} * count)
    return std::nullopt;
  std::vector<std::string> out;
  for (uint32_t i = 0; i < count; ++i)
    out.push_back(std::to_string(width == 2   ? fields.take<int16_t>()
                                 : width == 4 ? fields.take<int32_t>()
                                              : fields.take<int64_t>()));
  return out;
}

Error damaged() { return {Errc::invalid, "Bad data format"}; }

Result<Deserialized> as_set(std::optional<std::vector<std::string>> members) {
  if (!members || members->empty()) return damaged();
  std::sort(members->begin(), members->end());
  members->erase(std::unique(members->begin(), members->end()), members->end());
  return Deserialized{ValueType::set, encode_members(*members)};
}

}  // namespace

std::string serialize(ValueType type, std::string_view bytes) {
  std::string out;
  if (type == ValueType::set) {
    const std::vector<std::string> members = decode_members(bytes);
    out.push_back(static_cast<char>(kTypeSet));
    append_length(out, members.size());
    for (const std::string& member : members) append_string(out, member);
  } else {
    out.push_back(static_cast<char>(kTypeString));
    append_string(out, bytes);
  }
  append_le(out, kRdbVersion);
  append_le(out, crc64(out));
  return out;
}

Result<Deserialized> deserialize(std::string_view payload, uint64_t bytes_max) {
  const Error wrong{Errc::invalid, "DUMP payload version or checksum are wrong"};
  if (payload.size() <= kFooterBytes) return wrong;
  FieldReader footer(payload.substr(payload.size() - kFooterBytes));
  const auto version = footer.take<uint16_t>();
  const auto checksum = footer.take<uint64_t>();
  if (version > kRdbVersionMax) return wrong;
  if (checksum != crc64(payload.substr(0, payload.size() - 8))) return wrong;
  payload.remove_suffix(kFooterBytes);
  const auto type = static_cast<uint8_t>(payload[0]);
  Input input(payload.substr(1), bytes_max);
  if (type == kTypeString) {
    std::optional<std::string> bytes = input.string();
    if (!bytes || !input.at_end()) return damaged();
    return Deserialized{ValueType::bytes, std::move(*bytes)};
  }
  if (type == kTypeIntset) {
    const std::optional<std::string> bytes = input.string();
    if (!bytes || !input.at_end()) return damaged();
    return as_set(intset_members(*bytes));
  }
  if (type == kTypeSet) {
    const std::optional<uint64_t> count = input.length();
    if (!count) return damaged();
    std::vector<std::string> members;
    for (uint64_t i = 0; i < *count; ++i) {
      std::optional<std::string> member = input.string();
      if (!member) return damaged();
      members.push_back(std::move(*member));
    }
    if (!input.at_end()) return damaged();
    return as_set(std::move(members));
  }
  if (type == kTypeListpackSet) return {Errc::unsupported, "sets in the listpack form of Redis 7.2 are not supported"};
  return {Errc::unsupported, "the payload holds a type that kvfs does not have"};
}

}  // namespace kvfs::resp
