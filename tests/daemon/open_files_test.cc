#include "daemon/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace kvfs {
namespace {

TEST(OpenFilesTest, TheLimitIsRaisedAsFarAsItMayBeAndNeverLowered) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  constexpr rlim_t kFew = 128;
  const rlimit few{kFew, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(raise_open_files_limit(kFew + 7), kFew + 7);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, kFew + 7);
  EXPECT_EQ(raise_open_files_limit(1), kFew + 7);
  if (before.rlim_max != RLIM_INFINITY) {
    EXPECT_EQ(raise_open_files_limit(before.rlim_max + 1), before.rlim_max);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace kvfs
