#include "fusefs/attributes.h"

#include <gtest/gtest.h>

#include <limits>

namespace kvfs {
namespace {

TEST(FileTimes, ComeBackAsTheyWereGivenAlsoBefore1970) {
  for (const timespec time : {timespec{0, 0}, timespec{0, 1}, timespec{-1, 999'999'999}, timespec{-315'593'940, 7},
                              timespec{2'147'483'648, 999'999'999}, timespec{8'589'934'592, 1}}) {
    const timespec back = to_timespec(to_ns(time));
    EXPECT_EQ(back.tv_sec, time.tv_sec);
    EXPECT_EQ(back.tv_nsec, time.tv_nsec);
  }
}

TEST(FileTimes, BeyondWhatCanBeKeptAreTheNearestThatCan) {
  for (const time_t seconds : {time_t{9'223'372'037}, time_t{15'032'385'535}, std::numeric_limits<time_t>::max()}) {
    EXPECT_EQ(to_ns({seconds, 999'999'999}), std::numeric_limits<int64_t>::max()) << seconds;
    EXPECT_EQ(to_ns({-seconds - 1, 0}), std::numeric_limits<int64_t>::min()) << seconds;
  }
  EXPECT_EQ(to_timespec(to_ns({9'223'372'035, 999'999'999})).tv_sec, 9'223'372'035);
}

}  // namespace
}  // namespace kvfs
