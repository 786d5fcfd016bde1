#include "store/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/check.h"
#include "store/engine/compact.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

namespace fs = std::filesystem;

class BackupTest : public StoreTest {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "kvfs_backup_test_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    open_store("store");
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(put("d" + std::to_string(i % 7) + "/k" + std::to_string(i), content(i)));
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(path_);
  }

  /// Opens a store of that name in place of the present one.
  void open_store(const std::string& name) {
    store_.reset();
    StoreOptions on_disk = options();
    on_disk.engine = engine(name);
    Result<std::unique_ptr<Store>> opened = Store::open(on_disk);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    if (tenant_ == 0) return;
    tenant_ = *store_->find_tenant("acme");
    collection_ = *store_->find_collection(tenant_, "default");
  }
  EngineOptions engine(const std::string& name) {
    EngineOptions out;
    out.path = path_ + "/" + name;
    return out;
  }
  static std::string content(int i) {
    return std::string(static_cast<size_t>(i) * 5'000, static_cast<char>('a' + i % 26));
  }
  void expect_contents() {
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(value("d" + std::to_string(i % 7) + "/k" + std::to_string(i)), content(i)) << i;
  }
  static std::string text(const CheckReport& report) {
    return report.findings.empty() ? "" : report.findings[0].where + ": " + report.findings[0].what;
  }

  std::string path_;
};

TEST_F(BackupTest, ABackupIsAStoreWithEverything) {
  uint64_t steps = 0;
  BackupOptions options;
  options.progress = [&](const Progress&) { ++steps; };
  const Result<BackupReport> report = backup(*store_, path_ + "/copy/", options);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_GT(report->rows, 50U);
  EXPECT_GT(report->chunks, 48U);
  EXPECT_FALSE(fs::exists(path_ + "/copy.partial"));
  EXPECT_GT(steps, 0U);
  open_store("copy");
  expect_contents();
  EXPECT_EQ(text(check_store(*store_)), "");
}

TEST_F(BackupTest, ABackupIsOfOneMomentThoughWritesGoOn) {
  // Two keys that are only ever changed together.
  const auto write_pair = [&](int i) {
    return store_->write([&](WriteTxn& txn) -> Result<void> {
      for (const char* key : {"a-first", "z-last"})
        if (auto ok = kvfs::put(txn, collection_, key, std::string_view(std::to_string(i))); !ok) return ok.error();
      return {};
    });
  };
  ASSERT_TRUE(write_pair(0));
  std::atomic<bool> stop{false};
  std::atomic<int> last{0};
  std::thread writer([&] {
    // However long the copies take, the disk is not filled: what they may see is not reused meanwhile.
    constexpr int kBigValuesMax = 300;
    for (int i = 1; !stop; ++i) {
      if (write_pair(i)) last = i;
      if (i <= kBigValuesMax) (void)put("big", std::string(100'000, static_cast<char>('a' + i % 26)));
    }
  });
  while (last < 3) std::this_thread::yield();
  for (const char* name : {"copy1", "copy2", "copy3"}) {
    const Result<BackupReport> report = backup(*store_, path_ + "/" + name);
    EXPECT_TRUE(report) << report.error().message();
  }
  stop = true;
  writer.join();
  EXPECT_EQ(text(check_store(*store_)), "");
  int before = 0;
  for (const char* name : {"copy1", "copy2", "copy3"}) {
    open_store(name);
    EXPECT_EQ(value("a-first"), value("z-last"));
    EXPECT_GE(std::stoi(value("a-first")), before);
    before = std::stoi(value("a-first"));
    expect_contents();
  }
}

TEST_F(BackupTest, NothingIsOverwritten) {
  fs::create_directory(path_ + "/taken");
  std::ofstream(path_ + "/taken/file") << "mine";
  EXPECT_EQ(backup(*store_, path_ + "/taken").error().code, Errc::exists);
  EXPECT_TRUE(fs::exists(path_ + "/taken/file"));
  fs::create_directory(path_ + "/empty");
  EXPECT_TRUE(backup(*store_, path_ + "/empty"));
  EXPECT_EQ(backup(*store_, path_ + "/no/such/parent").error().code, Errc::not_found);
}

TEST_F(BackupTest, WhatAnInterruptedBackupLeftIsReplaced) {
  { ASSERT_TRUE(open_engine(engine("copy.partial"))); }
  EXPECT_TRUE(backup(*store_, path_ + "/copy"));
  const auto running = open_engine(engine("other.partial"));
  EXPECT_EQ(backup(*store_, path_ + "/other").error().code, Errc::busy);
}

TEST_F(BackupTest, WhatIsNoStoreIsNeverRemoved) {
  fs::create_directory(path_ + "/copy.partial");
  std::ofstream(path_ + "/copy.partial/thesis.tex") << "mine";
  EXPECT_EQ(backup(*store_, path_ + "/copy").error().code, Errc::exists);
  EXPECT_TRUE(fs::exists(path_ + "/copy.partial/thesis.tex"));
  ASSERT_TRUE(backup(*store_, path_ + "/good"));
  fs::create_directory(path_ + "/home");
  std::ofstream(path_ + "/home/thesis.tex") << "mine";
  EXPECT_EQ(restore(path_ + "/good", engine("home"), true).error().code, Errc::exists);
  EXPECT_TRUE(fs::exists(path_ + "/home/thesis.tex"));
}

TEST_F(BackupTest, DamagedChunksAreNotCopiedInSilence) {
  ASSERT_TRUE(put("victim", std::string(70'000, 'v')));
  store_.reset();
  for (const auto& file : fs::recursive_directory_iterator(path_ + "/store/chunks")) {
    if (!file.is_regular_file() || file.path().extension() != ".chunks") continue;
    const int fd = open(file.path().c_str(), O_RDWR);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(pwrite(fd, "damage", 6, 100), 6);
    close(fd);
  }
  open_store("store");
  const Result<BackupReport> report = backup(*store_, path_ + "/copy");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::corrupt);
  EXPECT_FALSE(fs::exists(path_ + "/copy"));
  EXPECT_FALSE(fs::exists(path_ + "/copy.partial"));
  EXPECT_FALSE(check_store(*store_).sound());
}

TEST_F(BackupTest, RestoreMakesTheStoreAgain) {
  ASSERT_TRUE(backup(*store_, path_ + "/copy"));
  ASSERT_TRUE(put("later", "not in the backup"));
  EXPECT_EQ(restore(path_ + "/copy", engine("store"), true).error().code, Errc::busy);
  store_.reset();
  EXPECT_EQ(restore(path_ + "/copy", engine("store"), false).error().code, Errc::exists);
  EXPECT_EQ(restore(path_ + "/nothing", engine("store"), true).error().code, Errc::not_found);
  const Result<BackupReport> restored = restore(path_ + "/copy", engine("store"), true);
  ASSERT_TRUE(restored) << restored.error().message();
  EXPECT_FALSE(fs::exists(path_ + "/store.partial"));
  open_store("store");
  expect_contents();
  EXPECT_EQ(value("later"), "<not_found>");
  ASSERT_TRUE(restore(path_ + "/copy", engine("new"), false));
  open_store("new");
  expect_contents();
  EXPECT_EQ(text(check_store(*store_)), "");
}

TEST_F(BackupTest, CompactGivesSpaceBackAndKeepsEverything) {
  EXPECT_EQ(compact(engine("store")).error().code, Errc::busy);
  const auto many = [&](const auto& one) {
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
      for (int i = 0; i < 3000; ++i)
        if (auto ok = one(txn, "bulk/" + std::to_string(i)); !ok) return ok.error();
      return {};
    }));
  };
  many([&](WriteTxn& txn, const std::string& key) {
    return kvfs::put(txn, collection_, key, std::string_view(std::string(2'000, 'x')));
  });
  ASSERT_TRUE(store_->checkpoint());
  many([&](WriteTxn& txn, const std::string& key) { return kvfs::remove(txn, collection_, key); });
  store_.reset();
  const Result<CompactReport> report = compact(engine("store"));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_GT(report->bytes_before, 3'000'000U);
  EXPECT_LT(report->bytes_after, report->bytes_before / 2);
  EXPECT_FALSE(fs::exists(path_ + "/store/base.compact"));
  open_store("store");
  expect_contents();
  EXPECT_EQ(text(check_store(*store_)), "");
  ASSERT_TRUE(put("after", "1"));
  EngineOptions memory;
  memory.kind = "memory";
  EXPECT_EQ(compact(memory).error().code, Errc::unsupported);
}

TEST_F(BackupTest, WhatAnInterruptedCompactionLeftGoesWithTheNextOpening) {
  store_.reset();
  fs::create_directory(path_ + "/store/base.compact");
  std::ofstream(path_ + "/store/base.compact/data.mdb") << "half a copy";
  open_store("store");
  EXPECT_FALSE(fs::exists(path_ + "/store/base.compact"));
  expect_contents();
}

TEST_F(BackupTest, TheTrashIsCopiedToo) {
  store_->set_trash({.keep_ms = 1000});
  ASSERT_TRUE(remove("d0/k49"));
  ASSERT_TRUE(backup(*store_, path_ + "/copy"));
  open_store("copy");
  const Version id =
      store_->read([&](const ReadTxn& txn) { return find_last_trashed(txn, tenant_, "default", "d0/k49")->id; });
  EXPECT_EQ(write([&](WriteTxn& txn) { return restore_trashed(txn, tenant_, id); }), "ok");
  expect_contents();
  EXPECT_EQ(text(check_store(*store_)), "");
}

}  // namespace
}  // namespace kvfs
