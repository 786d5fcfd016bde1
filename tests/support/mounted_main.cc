// main() of the mounted tests: skips where there is no FUSE, and leaves nothing mounted however it ends.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iostream>

#include "tests/support/mounts.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr int kSkipped = 77;
  struct stat device {};
  if (::stat("/dev/fuse", &device) != 0) {
    std::cerr << "skipped: no /dev/fuse here\n";
    return kSkipped;
  }
  kvfs::test::install_cleanup_on_signals();
  return RUN_ALL_TESTS();
}
