#include "respbridge/numbers.h"

#include <gtest/gtest.h>

namespace kvfs::resp {
namespace {

TEST(NumbersTest, IntegersAreReadAsStrictlyAsRedisReadsThem) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-1"), -1);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "01", "-0", "1.0", "0x1", "9223372036854775808", "a"})
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
}

TEST(NumbersTest, FloatsAreReadWhole) {
  EXPECT_EQ(parse_float("3.5"), 3.5L);
  EXPECT_EQ(parse_float("5.0e3"), 5000.0L);
  EXPECT_EQ(parse_float("-.5"), -0.5L);
  for (const char* text : {"", " 1", "1 ", "abc", "nan", "1e99999"}) EXPECT_FALSE(parse_float(text)) << text;
}

TEST(NumbersTest, FloatsAreWrittenWithoutExponentAndTrailingZeros) {
  EXPECT_EQ(format_float(3), "3");
  EXPECT_EQ(format_float(10.5L), "10.5");
  EXPECT_EQ(format_float(5000), "5000");
  EXPECT_EQ(format_float(0.1L), "0.1");
  EXPECT_EQ(format_float(-0.0L), "0");
  for (const long double large : {1e100L, 1e307L, 1e4000L}) {
    const std::string digits = format_float(large);
    EXPECT_EQ(digits.find_first_not_of("0123456789"), std::string::npos) << digits;
    EXPECT_NE(digits.front(), '0') << digits;
    EXPECT_EQ(parse_float(digits), large) << digits;
  }
}

}  // namespace
}  // namespace kvfs::resp
