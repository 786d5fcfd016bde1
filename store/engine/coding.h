// Little-endian integers and varints of on-disk encodings.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kvfs {

static_assert(std::endian::native == std::endian::little, "on-disk integers are copied as they are");

template <class Integer>
void store_fixed(char* at, Integer value) {
  std::memcpy(at, &value, sizeof value);
}

template <class Integer>
Integer load_fixed(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class Integer>
void append_fixed(std::string& out, Integer value) {
  char bytes[sizeof value];
  store_fixed(bytes, value);
  out.append(bytes, sizeof bytes);
}

inline void append_varint(std::string& out, uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// Reads from the front of bytes that may be hostile. Once something did not fit, ok() stays false and all reads
/// return zeros and empty views.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  size_t left() const { return rest_.size(); }

  template <class Integer>
  Integer fixed() {
    const std::string_view taken = bytes(sizeof(Integer));
    return ok_ ? load_fixed<Integer>(taken.data()) : Integer{};
  }

  /// At most 32 bits in at most 5 bytes.
  uint32_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const auto byte = static_cast<unsigned char>(fixed<char>());
      if (!ok_) return 0;
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        if (value > UINT32_MAX) break;
        return static_cast<uint32_t>(value);
      }
    }
    fail();
    return 0;
  }

  std::string_view bytes(size_t count) {
    if (!ok_ || count > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace kvfs
