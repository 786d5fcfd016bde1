#include "store/engine/store_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

TEST(StoreLockTest, MakesTheDirectory) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(StoreLock::acquire(directory.path() + "/new"));
}

TEST(StoreLockTest, SecondHolderIsRefusedWithTheFirstOnesPid) {
  const TemporaryDirectory directory;
  const auto lock = StoreLock::acquire(directory.path());
  ASSERT_TRUE(lock);
  const auto second = StoreLock::acquire(directory.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_NE(second.error().detail.find(std::to_string(getpid())), std::string::npos) << second.error().detail;
}

TEST(StoreLockTest, HoldsThoughItsFileIsRemoved) {
  const TemporaryDirectory directory;
  const auto lock = StoreLock::acquire(directory.path());
  ASSERT_TRUE(lock);
  ASSERT_EQ(unlink((directory.path() + "/LOCK").c_str()), 0);
  for (int i = 0; i < 2; ++i) {
    const auto second = StoreLock::acquire(directory.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::busy);
  }
}

TEST(StoreLockTest, IsFreeAgainAfterRelease) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(StoreLock::acquire(directory.path()));
  EXPECT_TRUE(StoreLock::acquire(directory.path()));
}

TEST(StoreLockTest, DiesWithItsProcess) {
  const TemporaryDirectory directory;
  const pid_t child = fork();
  if (child == 0) {
    auto lock = StoreLock::acquire(directory.path());
    _exit(lock ? 0 : 1);  // no destructor runs
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(StoreLock::acquire(directory.path()));
}

TEST(StoreLockTest, MissingParentIsNotFound) {
  const TemporaryDirectory directory;
  const auto lock = StoreLock::acquire(directory.path() + "/a/b");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::not_found);
}

}  // namespace
}  // namespace kvfs
