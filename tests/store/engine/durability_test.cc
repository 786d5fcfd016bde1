#include <gtest/gtest.h>

#include "store/engine/engine.h"

namespace kvfs {
namespace {

TEST(DurabilityTest, EveryPolicyRoundTrips) {
  for (const char* text : {"default", "strict", "every=1", "every=1000", "interval=250"}) {
    const auto parsed = parse_durability(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(to_string(*parsed), text);
  }
}

TEST(DurabilityTest, AnythingElseIsInvalidAndTheErrorListsTheChoices) {
  for (const char* text : {"", "Strict", "every", "every=", "every=0", "every=-1", "every=1x", "interval=0",
                           "interval= 1", "every=99999999999999999999999"}) {
    const auto parsed = parse_durability(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::invalid) << text;
    EXPECT_NE(parsed.error().detail.find("interval=MS"), std::string::npos);
  }
}

TEST(DurabilityTest, ModesAreOrderedFromWeakestToStrictest) {
  EXPECT_LT(Durability::Mode::system, Durability::Mode::interval);
  EXPECT_LT(Durability::Mode::interval, Durability::Mode::every);
  EXPECT_LT(Durability::Mode::every, Durability::Mode::strict);
}

}  // namespace
}  // namespace kvfs
