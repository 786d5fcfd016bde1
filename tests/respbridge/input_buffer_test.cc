#include "respbridge/input_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace kvfs::resp {
namespace {

void append(InputBuffer& buffer, std::string_view bytes) {
  const auto [space, size] = buffer.prepare(bytes.size());
  ASSERT_GE(size, bytes.size());
  std::memcpy(space, bytes.data(), bytes.size());
  buffer.commit(bytes.size());
}

TEST(InputBufferTest, KeepsWhatIsNotConsumedWhereverItMoves) {
  InputBuffer buffer;
  std::string wanted;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = std::to_string(i) + std::string(static_cast<size_t>(i % 97), 'x');
    append(buffer, bytes);
    wanted += bytes;
    const size_t gone = std::min<size_t>(wanted.size(), static_cast<size_t>(i % 53));
    buffer.consume(gone);
    wanted.erase(0, gone);
    ASSERT_EQ(buffer.data(), wanted) << i;
  }
  buffer.consume(wanted.size());
  EXPECT_TRUE(buffer.data().empty());
}

TEST(InputBufferTest, ALargeCommandIsMovedAFewTimesOnly) {
  InputBuffer buffer;
  const std::string piece(64 * 1024, 'x');
  int moves = 0;
  const char* before = nullptr;
  for (int i = 0; i < 1000; ++i) {
    append(buffer, piece);
    moves += buffer.data().data() != before ? 1 : 0;
    before = buffer.data().data();
  }
  EXPECT_LT(moves, 30);
}

}  // namespace
}  // namespace kvfs::resp
