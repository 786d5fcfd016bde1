#include "daemon/progress_bar.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

TEST(ProgressBarTest, ShowsPartAndTimeLeft) {
  EXPECT_EQ(progress_text({"copy", 50, 100, 1'200'000'000}, 31, 60),
            "copy [###############...............]  50% 1.2 GB 0:31 left");
  EXPECT_EQ(progress_text({"copy", 0, 100, 0}, 0, 40), "copy [...................]   0% 0 bytes");
}

TEST(ProgressBarTest, WithoutATotalItCounts) {
  EXPECT_EQ(progress_text({"dump", 1234, 0, 999}, 5, 80), "dump 1234 (999 bytes)");
  EXPECT_EQ(progress_text({"dump", 11, 10, 0}, 5, 80), "dump 11 (0 bytes)");  // the total was an estimate
}

TEST(ProgressBarTest, FitsTheTerminal) {
  for (size_t columns = 1; columns < 120; ++columns)
    EXPECT_LE(progress_text({"verify", 99, 100, 123'456'789}, 4000, columns).size(), columns);
}

TEST(ProgressBarTest, BytesAreReadable) {
  EXPECT_EQ(readable_bytes(999), "999 bytes");
  EXPECT_EQ(readable_bytes(1000), "1.0 kB");
  EXPECT_EQ(readable_bytes(999'999), "1.0 MB");
  EXPECT_EQ(readable_bytes(18'446'744'073'709'551'615U), "18.4 EB");
}

}  // namespace
}  // namespace kvfs
