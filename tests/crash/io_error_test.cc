// One kind of failure at a time: what an engine says, and what still works.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/crash/crash_directory.h"
#include "tests/crash/history.h"
#include "tests/crash/io_recorder.h"

namespace kvfs::crash {
namespace {

constexpr Durability kStrict{Durability::Mode::strict, 0};

class IoErrorTest : public testing::Test {
 protected:
  IoErrorTest() {
    options_.path = directory_.path() + "/store";
    options_.reserve_bytes = 0;
    write_image({}, options_.path);
    IoRecorder::instance().start(options_.path);
    engine_ = open_and_recover(options_).value();
    for (uint64_t id = 1; id <= 10; ++id) EXPECT_TRUE(run_transaction(*engine_, id, kStrict, promises_));
  }
  ~IoErrorTest() override {
    engine_.reset();
    if (IoRecorder::instance().active()) IoRecorder::instance().stop();
  }

  static void fail(IoKind kind, int errno_value, const std::string& where = "/") {
    IoRecorder::instance().judge = [=](const IoOperation& operation) {
      Verdict verdict;
      if (operation.kind == kind && operation.path.starts_with(where)) verdict.errno_value = errno_value;
      return verdict;
    };
  }
  static void heal() { IoRecorder::instance().judge = nullptr; }

  // Reading works, and shows the first n transactions at least.
  void expect_readable(uint64_t n) {
    const Verified verified = verify(*engine_);
    EXPECT_EQ(verified.problem, "");
    EXPECT_GE(verified.n(), n);
  }

  void expect_read_only(const std::string& reason) {
    auto refused = run_transaction(*engine_, 99, {}, promises_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::read_only);
    EXPECT_NE(refused.error().detail.find(reason), std::string::npos) << refused.error().detail;
  }

  // After the failure the power fails, too: what was promised before is there.
  void expect_promises_kept() {
    heal();
    engine_.reset();
    IoRecorder::instance().stop();
    Random random(1);
    for (int i = 0; i < 20; ++i) {
      write_image(IoRecorder::instance().model().crash(random), options_.path);
      auto reopened = open_and_recover(options_);
      ASSERT_TRUE(reopened) << reopened.error().message();
      const Verified verified = verify(**reopened);
      EXPECT_EQ(verified.problem, "");
      EXPECT_GE(verified.n(), promises_.durable_n());
      EXPECT_EQ(promises_.contradiction(verified.ids), "");
    }
  }

  CrashDirectory directory_;
  EngineOptions options_;
  Promises promises_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(IoErrorTest, AFailedSyncOfTheJournalIsReportedAndMakesTheStoreReadOnly) {
  fail(IoKind::sync, EIO, "/journal");
  auto strict = run_transaction(*engine_, 50, kStrict, promises_);
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().code, Errc::io);
  heal();  // a later sync would succeed, but prove nothing
  EXPECT_FALSE(engine_->sync());
  expect_read_only("fdatasync");
  expect_readable(10);
  expect_promises_kept();
}

TEST_F(IoErrorTest, AFailedWriteOfTheJournalIsReportedAndMakesTheStoreReadOnly) {
  fail(IoKind::write, EIO, "/journal");
  auto failed = run_transaction(*engine_, 50, {}, promises_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::io);
  heal();
  expect_read_only("pwrite");
  expect_readable(10);
  expect_promises_kept();
}

TEST_F(IoErrorTest, AFailedCheckpointIsReportedAndLosesNothing) {
  ASSERT_TRUE(run_transaction(*engine_, 50, kStrict, promises_));
  fail(IoKind::sync, EIO, "/base");
  EXPECT_FALSE(engine_->checkpoint());
  expect_promises_kept();
}

TEST_F(IoErrorTest, OnAFullDiskWritesFailWithNoSpaceReadsGoOnAndAllIsWellWhenThereIsSpace) {
  fail(IoKind::write, ENOSPC, "/journal");
  for (uint64_t id = 50; id < 53; ++id) {
    auto full = run_transaction(*engine_, id, {}, promises_);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::no_space);
    expect_readable(10);
  }
  heal();
  for (uint64_t id = 60; id < 63; ++id) {
    auto done = run_transaction(*engine_, id, kStrict, promises_);
    EXPECT_TRUE(done) << done.error().message();
  }
  expect_readable(13);
  expect_promises_kept();
}

TEST_F(IoErrorTest, ACheckpointOnAFullDiskFailsWithNoSpaceAndWorksWhenThereIsSpace) {
  fail(IoKind::write, ENOSPC, "/base");
  auto full = engine_->checkpoint();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  expect_readable(10);
  heal();
  auto done = engine_->checkpoint();
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_TRUE(run_transaction(*engine_, 60, kStrict, promises_));
  expect_readable(11);
  expect_promises_kept();
}

// Somebody else's preallocation may fill the disk for a moment, so how much is free afterwards tells nothing.
TEST_F(IoErrorTest, ACheckpointWhoseWriteIsCutShortFailsWithNoSpaceAndWorksWhenThereIsSpace) {
  IoRecorder::instance().judge = [](const IoOperation& operation) {
    Verdict verdict;
    if (operation.kind == IoKind::write && operation.path.starts_with("/base")) verdict.short_bytes = 1024;
    return verdict;
  };
  auto full = engine_->checkpoint();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space) << full.error().message();
  heal();
  auto done = engine_->checkpoint();
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_TRUE(run_transaction(*engine_, 60, kStrict, promises_));
  expect_readable(11);
  expect_promises_kept();
}

TEST_F(IoErrorTest, ShortWritesAreContinued) {
  auto random = std::make_shared<Random>(1);
  IoRecorder::instance().judge = [random](const IoOperation& operation) {
    Verdict verdict;
    if (operation.kind == IoKind::write && !operation.path.starts_with("/base") && operation.bytes > 1) {
      verdict.short_bytes = 1 + (*random)() % operation.bytes;
    }
    return verdict;
  };
  for (uint64_t id = 50; id < 80; ++id) {
    auto done = run_transaction(*engine_, id, kStrict, promises_);
    EXPECT_TRUE(done) << done.error().message();
  }
  expect_readable(40);
  expect_promises_kept();
}

}  // namespace
}  // namespace kvfs::crash
