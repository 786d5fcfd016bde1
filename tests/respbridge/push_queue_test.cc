#include "respbridge/push_queue.h"

#include <gtest/gtest.h>

#include <random>

namespace kvfs::resp {
namespace {

TEST(PushQueueTest, MessagesOfAllSizesComeInTheirOrderHoweverTheyAreTaken) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  const auto below = [&](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(rng); };
  PushQueue queue;
  std::string expected, got;
  for (int step = 0; step < 2000; ++step) {
    const bool large = below(10) == 0;
    const std::string message(below(large ? 100'000 : 300), static_cast<char>('a' + below(26)));
    expected += message;
    if (message.size() >= PushQueue::kLargeBytes)
      queue.add_large(std::string(message));
    else
      queue.add(message);
    if (below(5) != 0) continue;
    std::string out(below(3), '-');
    const size_t before = out.size();
    queue.take(out, 1 + below(200'000));
    got += out.substr(before);
    ASSERT_EQ(queue.bytes(), expected.size() - got.size());
  }
  queue.take(got, SIZE_MAX);
  EXPECT_TRUE(got == expected);
  EXPECT_TRUE(queue.empty());
}

TEST(PushQueueTest, WhatIsTakenAtOnceIsAtMostOneMessageMoreThanIsWanted) {
  PushQueue queue;
  for (int i = 0; i < 100; ++i) queue.add_large(std::string(50'000, 'x'));
  std::string out;
  queue.take(out, 120'000);
  EXPECT_EQ(out.size(), 150'000);
  queue.take(out, 120'000);
  EXPECT_EQ(out.size(), 150'000);
  EXPECT_EQ(queue.bytes(), 97 * 50'000);
}

}  // namespace
}  // namespace kvfs::resp
