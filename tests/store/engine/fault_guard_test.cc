// Memory that cannot be read.
#include "store/fault_guard.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace kvfs {
namespace {

/// A page of a file that has gone.
class LostPage {
 public:
  LostPage() {
    FILE* file = ::tmpfile();
    const int fd = ::fileno(file);
    EXPECT_EQ(::ftruncate(fd, kBytes), 0);
    at_ = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT_EQ(::ftruncate(fd, 0), 0);
    ::fclose(file);
  }
  ~LostPage() { ::munmap(at_, kBytes); }
  LostPage(const LostPage&) = delete;
  char read() const { return *static_cast<const volatile char*>(at_); }

 private:
  static constexpr size_t kBytes = 4096;
  void* at_ = nullptr;
};

class FaultGuardTest : public testing::Test {
 protected:
  void SetUp() override { catch_faults(); }
  const LostPage lost_;
};

TEST_F(FaultGuardTest, AFaultIsToldAndTheProcessGoesOn) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(survives_faults([&] { lost_.read(); })) << i;
  void* const closed = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(closed, MAP_FAILED);
  char read = 'x';
  EXPECT_FALSE(survives_faults([&] { read = *static_cast<const volatile char*>(closed); }));
  EXPECT_EQ(read, 'x');
  ::munmap(closed, 4096);
}

TEST_F(FaultGuardTest, WithoutFaultsAllIsDone) {
  int calls = 0;
  EXPECT_TRUE(survives_faults([&] { ++calls; }));
  EXPECT_EQ(calls, 1);
}

TEST_F(FaultGuardTest, TheInnermostIsTold) {
  bool inner = true;
  EXPECT_TRUE(survives_faults([&] { inner = survives_faults([&] { lost_.read(); }); }));
  EXPECT_FALSE(inner);
}

TEST_F(FaultGuardTest, EachThreadHasItsOwn) {
  bool other = true;
  EXPECT_TRUE(survives_faults([&] { std::thread([&] { other = survives_faults([&] { lost_.read(); }); }).join(); }));
  EXPECT_FALSE(other);
}

TEST_F(FaultGuardTest, AnExceptionEndsIt) {
  EXPECT_THROW((void)survives_faults([] { throw 1; }), int);
  EXPECT_DEATH(lost_.read(), "");
}

TEST_F(FaultGuardTest, WhoExpectsNoneDiesOfIt) { EXPECT_DEATH(lost_.read(), ""); }

}  // namespace
}  // namespace kvfs
