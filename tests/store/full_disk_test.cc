// A disk that is really full: a small tmpfs, filled by the store itself and by somebody else. Needs the right to mount.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "store/check.h"
#include "store/store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace kvfs {
namespace {

class FullDiskTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string options = std::string("size=") + GetParam();
    if (::mount("tmpfs", files_.path().c_str(), "tmpfs", 0, options.c_str()) != 0)
      GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    mounted_ = true;
    open();
  }
  void TearDown() override {
    store_.reset();
    if (!mounted_) return;
    EXPECT_EQ(::umount(files_.path().c_str()), 0) << std::strerror(errno);
  }

  void open() {
    store_.reset();
    StoreOptions options;
    options.engine.path = files_ / "store";
    options.engine.notice = [this](const std::string& said) { notices_ += said + "\n"; };
    options.engine.memtable_entries_max = memtable_entries_max_;
    options.expiry_interval_ms = 0;
    Result<std::unique_ptr<Store>> opened = Store::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    const DirId tenant = *store_->ensure_tenant("acme");
    const Result<DirId> collection =
        store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant, "default"); });
    ASSERT_TRUE(collection) << collection.error().message();
    collection_ = *collection;
  }

  Result<void> put(const std::string& key, const std::string& value) {
    ValueWriter writer(store_->chunks(), kValueBytesMax);
    if (Result<void> ok = writer.append(value); !ok) return ok.error();
    Result<StagedValue> staged = writer.finish();
    if (!staged) return staged.error();
    const auto done = store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key, *staged); });
    if (!done) return done.error();
    staged->published();
    kept_[key] = value;
    return {};
  }
  Result<void> remove(const std::string& key) {
    const auto done = store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, key); });
    if (!done) return done.error();
    kept_.erase(key);
    return {};
  }

  static std::string value_of(int i) {
    return std::string(i % 50 == 0 ? 100'000 : 1000, static_cast<char>('a' + i % 26));
  }

  /// Writes until the disk is full; anything but no_space is a failure. Returns how many were written.
  int fill(const std::string& prefix) {
    constexpr int kEnough = 1'000'000;
    for (int i = 0; i < kEnough; ++i) {
      const Result<void> done = put(prefix + std::to_string(i), value_of(i));
      if (done) continue;
      EXPECT_EQ(done.error().code, Errc::no_space) << done.error().message();
      return i;
    }
    ADD_FAILURE() << "the disk never got full";
    return kEnough;
  }

  void expect_whole() {
    EXPECT_EQ(store_->usage(0).keys, kept_.size());
    const uint64_t wrong = store_->read([&](const ReadTxn& txn) {
      uint64_t count = 0;
      for (const auto& [key, value] : kept_) {
        const Result<Entry> entry = get(txn, collection_, key);
        const Result<std::string> bytes =
            entry ? read_whole_value(txn, *entry, 1 << 30) : Result<std::string>(entry.error());
        count += bytes && *bytes == value ? 0 : 1;
      }
      return count;
    });
    EXPECT_EQ(wrong, 0U);
    for (const auto& [name, value] : store_->stats()) {
      if (name == "read_only") {
        EXPECT_EQ(value, 0U) << notices_;
      }
    }
    const CheckReport report = check_store(*store_);
    EXPECT_TRUE(report.sound()) << report.findings.front().where << ": " << report.findings.front().what;
  }

  /// What the disk has left goes to a file of somebody else's.
  void take_the_rest() {
    const int fd = ::open((files_ / "foreign").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::string block(64 * 1024, 'x');
    size_t bytes = block.size();
    while (bytes > 0)
      if (::write(fd, block.data(), bytes) <= 0) bytes /= 2;
    ::close(fd);
  }

  const test::TempDir files_;
  bool mounted_ = false;
  uint64_t memtable_entries_max_ = EngineOptions().memtable_entries_max;
  std::string notices_;
  std::unique_ptr<Store> store_;
  DirId collection_ = 0;
  std::map<std::string, std::string> kept_;
};

TEST_P(FullDiskTest, WritesAreRefusedAndAllElseGoesOnUntilThereIsSpaceAgain) {
  const int written = fill("first");
  EXPECT_GT(written, 1000);
  expect_whole();
  // As full as it is: deleting, a checkpoint, opening again.
  for (int i = 0; i < written / 4; ++i) {
    const Result<void> done = remove("first" + std::to_string(i));
    ASSERT_TRUE(done) << i << ": " << done.error().message();
  }
  const Result<void> folded = store_->checkpoint();
  ASSERT_TRUE(folded) << folded.error().message();
  open();
  expect_whole();
  // What was deleted can be used again.
  EXPECT_GT(fill("second"), 20);
  expect_whole();
  open();
  expect_whole();
}

TEST_P(FullDiskTest, WhatALargeValueTookIsThereForTheNextWriteOnceItIsRemoved) {
  const std::string value(1'500'000, 'v');
  int written = 0;
  while (put("large" + std::to_string(written), value)) ++written;
  ASSERT_GT(written, 10);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(remove("large" + std::to_string(2 * round)));
    ASSERT_TRUE(remove("large" + std::to_string(2 * round + 1)));
    const Result<void> again = put("again" + std::to_string(round), value);
    EXPECT_TRUE(again) << again.error().message();
  }
  expect_whole();
}

TEST_P(FullDiskTest, FreePagesOfTheBaseAreNotTakenForSpaceThatLargeValuesCanHave) {
  constexpr int kRows = 3000;
  for (int i = 0; i < kRows; ++i) ASSERT_TRUE(put("row" + std::to_string(i), std::string(3000, 'r')));
  ASSERT_TRUE(store_->checkpoint());
  for (int i = 0; i < kRows; ++i) ASSERT_TRUE(remove("row" + std::to_string(i)));
  ASSERT_TRUE(store_->checkpoint());
  const std::string value(1'500'000, 'v');
  int written = 0;
  while (put("large" + std::to_string(written), value)) ++written;
  ASSERT_GT(written, 2);
  ASSERT_NO_FATAL_FAILURE(take_the_rest());
  ASSERT_TRUE(remove("large0"));
  const Result<void> again = put("again", std::string(1'000'000, 'v'));
  EXPECT_TRUE(again) << again.error().message();
  expect_whole();
}

TEST_P(FullDiskTest, ADiskThatOthersHaveFilledLosesNothing) {
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put("before" + std::to_string(i), value_of(i)));
  ASSERT_NO_FATAL_FAILURE(take_the_rest());
  const int written = fill("full");
  expect_whole();
  // The reserve was kept back for this.
  for (int i = 0; i < 500; ++i) {
    const Result<void> done = remove("before" + std::to_string(i));
    ASSERT_TRUE(done) << i << ": " << done.error().message();
  }
  ASSERT_NO_FATAL_FAILURE(take_the_rest());
  ASSERT_NO_FATAL_FAILURE(open());
  expect_whole();
  ::unlink((files_ / "foreign").c_str());
  // The disk is measured now and then, not for each refusal.
  ASSERT_TRUE(test::wait_until([&] { return put("after", "x").has_value(); }));
  EXPECT_GT(fill("after"), written);
  expect_whole();
  open();
  expect_whole();
}

TEST_P(FullDiskTest, AStoreOpensThoughItsJournalMustBeFoldedAndNothingIsLeft) {
  constexpr int kRows = 150;  // so few that none has been folded yet
  for (int i = 0; i < kRows; ++i) ASSERT_TRUE(put("row" + std::to_string(i), "value"));
  store_.reset();
  ASSERT_NO_FATAL_FAILURE(take_the_rest());
  memtable_entries_max_ = 50;
  ASSERT_NO_FATAL_FAILURE(open());
  expect_whole();
  ASSERT_TRUE(remove("row1"));
}

INSTANTIATE_TEST_SUITE_P(Sizes, FullDiskTest, testing::Values("48m", "96m"),
                         [](const auto& test) { return std::string("Of") + test.param; });

}  // namespace
}  // namespace kvfs
