#include "store/set_value.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace kvfs {
namespace {

using Members = std::vector<std::string>;

TEST(SetValueTest, AMemberIsALine) {
  EXPECT_EQ(encode_members({"a", "b c"}), "a\nb c\n");
  EXPECT_EQ(decode_members("a\nb c\n"), (Members{"a", "b c"}));
  EXPECT_EQ(encode_members({}), "");
  EXPECT_EQ(decode_members(""), Members{});
}

TEST(SetValueTest, ReadsWhatAnEditorLeaves) {
  EXPECT_EQ(decode_members("b\na\nb\nc"), (Members{"a", "b", "c"}));
  EXPECT_EQ(decode_members("\n"), Members{""});
}

TEST(SetValueTest, AnyBytesAreMembers) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::set<std::string> members;
    for (size_t n = random() % 6; n > 0; --n) {
      std::string member;
      for (size_t length = random() % 5; length > 0; --length) member.push_back("\\n\n\0ab\xff"[random() % 7]);
      members.insert(member);
    }
    const Members sorted(members.begin(), members.end());
    ASSERT_EQ(decode_members(encode_members(sorted)), sorted);
  }
}

}  // namespace
}  // namespace kvfs
