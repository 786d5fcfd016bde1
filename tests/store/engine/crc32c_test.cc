#include "store/engine/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace kvfs {
namespace {

using internal::crc32c_extend_portable;

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
    EXPECT_EQ(crc32c_extend_portable(0, row.bytes), row.crc);
  }
}

TEST(Crc32cTest, ExtendingInPiecesEqualsTheWholeAtEverySplitAndAlignment) {
  std::mt19937 random(7);
  std::string bytes(83, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  for (size_t start = 0; start < 8; ++start) {
    const std::string_view whole = std::string_view(bytes).substr(start);
    const uint32_t expected = crc32c_extend_portable(0, whole);
    for (size_t split = 0; split <= whole.size(); ++split) {
      EXPECT_EQ(crc32c_extend(crc32c(whole.substr(0, split)), whole.substr(split)), expected);
    }
  }
}

}  // namespace
}  // namespace kvfs
