#include "store/engine/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace kvfs {
namespace {

// By definition, bit by bit: the reflected Castagnoli polynomial of RFC 3720.
uint32_t crc32c_by_bits(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::string random_bytes(size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

// The vectors of RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownVectors) {
  std::string ascending(32, '\0');
  std::string descending(32, '\0');
  for (size_t i = 0; i < 32; ++i) {
    ascending[i] = static_cast<char>(i);
    descending[i] = static_cast<char>(31 - i);
  }
  const struct {
    std::string bytes;
    uint32_t crc;
  } table[] = {
      {"", 0},
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {ascending, 0x46dd794e},
      {descending, 0x113fdb5c},
  };
  for (const auto& row : table) {
    EXPECT_EQ(crc32c(row.bytes), row.crc);
    EXPECT_EQ(crc32c_by_bits(row.bytes), row.crc);
  }
}

TEST(Crc32cTest, ExtendingInPiecesEqualsTheWholeAtEverySplitAndAlignment) {
  const std::string bytes = random_bytes(83);
  for (size_t start = 0; start < 8; ++start) {
    const std::string_view whole = std::string_view(bytes).substr(start);
    const uint32_t expected = crc32c_by_bits(whole);
    for (size_t split = 0; split <= whole.size(); ++split) {
      EXPECT_EQ(crc32c_extend(crc32c(whole.substr(0, split)), whole.substr(split)), expected);
    }
  }
}

TEST(Crc32cTest, AgreesWithItsDefinitionAtEverySizeAroundTheChangeOfMethodAndAtAChunks) {
  const std::string bytes = random_bytes(65543);
  for (size_t size = 1900; size < 2200; ++size)
    EXPECT_EQ(crc32c({bytes.data() + size % 8, size}), crc32c_by_bits({bytes.data() + size % 8, size})) << size;
  for (const size_t start : {0, 1, 7}) {
    const std::string_view chunk{bytes.data() + start, 65536};
    EXPECT_EQ(crc32c(chunk), crc32c_by_bits(chunk));
    EXPECT_EQ(crc32c_extend(crc32c(chunk.substr(0, 1000)), chunk.substr(1000)), crc32c(chunk));
  }
}

}  // namespace
}  // namespace kvfs
