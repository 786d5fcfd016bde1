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
  constexpr time_t kLast = 9'223'372'036;
  for (const time_t seconds : {kLast, kLast + 1, time_t{15'032'385'535}, std::numeric_limits<time_t>::max()}) {
    const timespec last = to_timespec(to_ns({seconds, 999'999'999}));
    EXPECT_EQ(last.tv_sec, kLast) << seconds;
    EXPECT_EQ(last.tv_nsec, 0) << seconds;
    const timespec first = to_timespec(to_ns({-seconds, 999'999'999}));
    EXPECT_EQ(first.tv_sec, -kLast) << seconds;
    EXPECT_EQ(first.tv_nsec, 0) << seconds;
  }
  EXPECT_EQ(to_timespec(to_ns({kLast - 1, 999'999'999})).tv_sec, kLast - 1);
}

}  // namespace
}  // namespace kvfs
