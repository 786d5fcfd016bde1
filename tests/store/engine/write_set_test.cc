#include "store/engine/write_set.h"

#include <gtest/gtest.h>

#include <string>

namespace kvfs {
namespace {

std::string in_order(const WriteSet& set) {
  std::string out;
  WriteSetIterator at(set);
  for (at.seek(""); at.valid(); at.next())
    out.append(at.key()).append(at.erased() ? "-" : "=").append(at.value()).append(" ");
  return out;
}

TEST(WriteSetTest, TheLastChangeOfAKeyCounts) {
  WriteSet set;
  EXPECT_EQ(set.find("a"), nullptr);
  set.put("a", "1");
  set.put("b", "2");
  set.put("a", "3");
  set.erase("b");
  ASSERT_NE(set.find("a"), nullptr);
  EXPECT_EQ(set.find("a")->value, "3");
  EXPECT_TRUE(set.find("b")->erased);
  EXPECT_EQ(set.find("c"), nullptr);
  EXPECT_EQ(set.changes().size(), 2u);
}

TEST(WriteSetTest, OrderFollowsChangesThatAreMadeAfterItWasAskedFor) {
  WriteSet set;
  set.put("c", "1");
  set.put("a", "2");
  EXPECT_EQ(in_order(set), "a=2 c=1 ");
  set.put("b", "3");
  set.erase("a");
  EXPECT_EQ(in_order(set), "a- b=3 c=1 ");
  WriteSetIterator at(set);
  at.seek_before("b");
  EXPECT_EQ(at.key(), "a");
  at.prev();
  EXPECT_FALSE(at.valid());
}

TEST(WriteSetTest, ThousandsAreFoundAndNothingIsLeftWhenItIsUsedAgain) {
  WriteSet set;
  for (int round = 0; round < 3; ++round) {
    const int count = round == 1 ? 10 : 5000;
    for (int i = 0; i < count; ++i) set.put("key" + std::to_string(i), std::to_string(round * i));
    for (int i = 0; i < count; ++i) EXPECT_EQ(set.find("key" + std::to_string(i))->value, std::to_string(round * i));
    EXPECT_EQ(set.find("key" + std::to_string(count)), nullptr);
    EXPECT_EQ(set.ordered().size(), static_cast<size_t>(count));
    set.clear();
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(set.find("key0"), nullptr);
    EXPECT_EQ(in_order(set), "");
  }
}

}  // namespace
}  // namespace kvfs
