#include "store/engine/space_guard.h"

#include <gtest/gtest.h>

#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

class SpaceGuardTest : public testing::Test {
 protected:
  SpaceGuard guard(uint64_t bytes_max, uint64_t reserve_bytes = 0) {
    return {directory_.path() + below_,
            bytes_max,
            reserve_bytes,
            {[this] { return used_; }, [this] { return reusable_; }, [this] { return mappable_; },
             [this] { return reserved_; },
             [this](uint64_t bytes) {
               reserved_ = bytes;
               return true;
             }}};
  }
  TemporaryDirectory directory_;
  std::string below_;
  uint64_t used_ = 0;
  uint64_t reusable_ = 0;
  uint64_t mappable_ = uint64_t{1} << 40;
  uint64_t reserved_ = 0;
};

TEST_F(SpaceGuardTest, RefusesWhatWouldGoBeyondMaxSizeAndAdmitsWhatShrinks) {
  used_ = 900;
  SpaceGuard space = guard(1000);
  EXPECT_TRUE(space.admit(100));
  const Result<void> refused = space.admit(101);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_EQ(refused.error().detail, "max_size of 1000 bytes reached");
  EXPECT_TRUE(space.admit(-5));
  EXPECT_TRUE(space.tight());
}

TEST_F(SpaceGuardTest, RefusesBeforeTheBasesAddressSpaceIsFull) {
  mappable_ = 5000;
  SpaceGuard space = guard(0);
  EXPECT_TRUE(space.admit(5000));
  const Result<void> refused = space.admit(5001);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("address space"), std::string::npos) << refused.error().detail;
}

TEST_F(SpaceGuardTest, ADiskThatCannotBeAskedIsNoFullOne) {
  below_ = "/gone";
  reusable_ = 1'000'000;
  SpaceGuard space = guard(0);
  EXPECT_TRUE(space.admit(5000));
  EXPECT_FALSE(space.tight());
}

TEST_F(SpaceGuardTest, FillsTheReserveUpWhenMuchOfItIsGone) {
  constexpr uint64_t kReserve = 1'000'000;
  SpaceGuard space = guard(0, kReserve);
  EXPECT_EQ(reserved_, kReserve);
  reserved_ = kReserve / 10 * 9;
  space.measure();
  EXPECT_EQ(reserved_, kReserve / 10 * 9);
  reserved_ = kReserve / 2;
  space.measure();
  EXPECT_EQ(reserved_, kReserve);
}

TEST_F(SpaceGuardTest, FoldsFitIntoWhatThereIsButNeverBecomeTiny) {
  mappable_ = 80'000'000;
  EXPECT_EQ(guard(0).fold_bytes_max(), 10'000'000U);
  mappable_ = 0;
  EXPECT_EQ(guard(0).fold_bytes_max(), 256U * 1024);
}

}  // namespace
}  // namespace kvfs
