#include "store/glob.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

TEST(GlobTest, MatchesAsRedisDoes) {
  const struct {
    std::string_view pattern, text;
    bool matches;
  } cases[] = {
      {"*", "", true},          {"*", "abc", true},         {"", "", true},          {"", "a", false},
      {"a?c", "abc", true},     {"a?c", "ac", false},       {"a*c", "abbbc", true},  {"a*c", "abbbd", false},
      {"*a*b*", "xxaxxb", true}, {"h[ae]llo", "hallo", true}, {"h[ae]llo", "hillo", false},
      {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false}, {"h[a-c]x", "hbx", true},
      {"h[c-a]x", "hbx", true}, {"h[a-c]x", "hdx", false},  {"a\\*b", "a*b", true},  {"a\\*b", "axb", false},
      {"[\\]]", "]", true},     {"[a", "a", true},          {"a\\", "a\\", true},    {"a[]b", "ab", false},
      {"a**b", "ab", true},     {"*?", "", false},          {"a*", "b", false},
  };
  for (const auto& each : cases)
    EXPECT_EQ(glob_matches(each.pattern, each.text), each.matches) << each.pattern << " on " << each.text;
  EXPECT_TRUE(glob_matches("AB[C-D]", "abd", true));
  EXPECT_FALSE(glob_matches("AB", "ab"));
}

TEST(GlobTest, AHostilePatternTakesLittleTime) {
  const std::string text(20'000, 'a');
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", text));
}

TEST(GlobTest, KnowsTheLiteralPrefix) {
  EXPECT_EQ(glob_prefix("user:*"), "user:");
  EXPECT_EQ(glob_prefix("a\\*b?"), "a*b");
  EXPECT_EQ(glob_prefix("[ab]c"), "");
  EXPECT_EQ(glob_prefix("plain"), "plain");
}

}  // namespace
}  // namespace kvfs
