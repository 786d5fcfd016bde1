#include "store/lmdb.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/store/engine/temporary_directory.h"

namespace kvfs::lmdb {
namespace {

class LmdbTest : public testing::Test {
 protected:
  void SetUp() override {
    EnvOptions options;
    options.path = directory_.path();
    env_ = Env::open(options).value();
    table_ = env_->open_table("rows").value();
  }
  void put(std::string_view key, std::string_view value) {
    auto txn = WriteTxn::begin(*env_).value();
    ASSERT_TRUE(txn->put(table_, key, value));
    ASSERT_TRUE(txn->commit());
  }
  TemporaryDirectory directory_;
  std::unique_ptr<Env> env_;
  Table table_ = 0;
};

TEST_F(LmdbTest, AbortDiscardsChanges) {
  {
    auto txn = WriteTxn::begin(*env_).value();
    ASSERT_TRUE(txn->put(table_, "a", "1"));
    EXPECT_EQ(txn->get(table_, "a"), "1");
  }
  EXPECT_EQ(ReadTxn(*env_).get(table_, "a"), std::nullopt);
}

TEST_F(LmdbTest, ReaderKeepsItsViewUntilRenewed) {
  put("a", "1");
  ReadTxn reader(*env_);
  put("a", "2");
  EXPECT_EQ(reader.get(table_, "a"), "1");
  const uint64_t before = reader.id();
  reader.reset();
  reader.renew();
  EXPECT_EQ(reader.get(table_, "a"), "2");
  EXPECT_EQ(reader.id(), before + 1);
}

TEST_F(LmdbTest, CursorMovesBothWaysAndOffBothEnds) {
  for (const char* key : {"b", "d", "f"}) put(key, key);
  const ReadTxn txn(*env_);
  Cursor cursor(txn, table_);
  cursor.seek("c");
  ASSERT_TRUE(cursor.valid());
  EXPECT_EQ(cursor.key(), "d");
  cursor.prev();
  EXPECT_EQ(cursor.key(), "b");
  cursor.prev();
  EXPECT_FALSE(cursor.valid());
  cursor.seek("g");
  EXPECT_FALSE(cursor.valid());
  cursor.seek_before("g");
  EXPECT_EQ(cursor.key(), "f");
  cursor.seek_before("d");
  EXPECT_EQ(cursor.key(), "b");
  cursor.seek_before("b");
  EXPECT_FALSE(cursor.valid());
  cursor.seek("");
  EXPECT_EQ(cursor.key(), "b");
  cursor.seek_last();
  EXPECT_EQ(cursor.key(), "f");
  cursor.next();
  EXPECT_FALSE(cursor.valid());
}

TEST_F(LmdbTest, FullMapIsNoSpaceAndReadingGoesOn) {
  env_.reset();
  EnvOptions options;
  options.path = directory_.path() + "/small";
  options.map_bytes = 128 * 1024;
  env_ = Env::open(options).value();
  table_ = env_->open_table("rows").value();
  put("kept", "value");
  {
    auto txn = WriteTxn::begin(*env_).value();
    Result<void> done;
    for (int i = 0; i < 1000 && done; ++i) done = txn->put(table_, "key" + std::to_string(i), std::string(1000, 'x'));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::no_space);
  }
  EXPECT_EQ(ReadTxn(*env_).get(table_, "kept"), "value");
}

TEST_F(LmdbTest, UsageCountsFreePages) {
  for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), std::string(4000, 'x'));
  auto txn = WriteTxn::begin(*env_).value();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(txn->erase(table_, "key" + std::to_string(i)));
  ASSERT_TRUE(txn->commit());
  const Usage usage = env_->usage();
  EXPECT_GT(usage.file_bytes, 50u * 4096);
  EXPECT_GT(usage.free_bytes, 50u * 4096);
}

TEST_F(LmdbTest, CompactCopyHoldsTheRows) {
  put("a", "1");
  const TemporaryDirectory copy;
  ASSERT_TRUE(env_->copy(copy.path(), true));
  EnvOptions options;
  options.path = copy.path();
  options.read_only = true;
  auto env = Env::open(options).value();
  const Table rows = env->open_table("rows").value();
  EXPECT_EQ(ReadTxn(*env).get(rows, "a"), "1");
}

TEST(LmdbOpenTest, FileThatIsNoDatabaseIsCorrupt) {
  const TemporaryDirectory directory;
  FILE* file = fopen((directory.path() + "/data.mdb").c_str(), "w");
  for (int i = 0; i < 100; ++i) fputs("this is not a database, whatever its name may say\n", file);
  fclose(file);
  EnvOptions options;
  options.path = directory.path();
  const auto env = Env::open(options);
  ASSERT_FALSE(env);
  EXPECT_EQ(env.error().code, Errc::corrupt);
}

class DamagedLmdbTest : public LmdbTest {
 protected:
  void SetUp() override {
    LmdbTest::SetUp();
    auto txn = WriteTxn::begin(*env_).value();
    for (int i = 0; i < kRows; ++i) ASSERT_TRUE(txn->put(table_, "key" + std::to_string(i), std::string(100, 'v')));
    ASSERT_TRUE(txn->commit());
    env_.reset();
    bytes_ = slurp();
  }

  std::string slurp() const {
    std::ifstream file(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void spill(const std::string& bytes) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  /// Opens the file and reads all of it: the number of rows, or what is wrong.
  Result<int> read_all() const {
    EnvOptions options;
    options.path = directory_.path();
    auto env = Env::open(options);
    if (!env) return env.error();
    try {
      const auto table = (*env)->open_table("rows");
      if (!table) return table.error();
      const ReadTxn txn(**env);
      Cursor cursor(txn, *table);
      int rows = 0;
      for (cursor.seek(""); cursor.valid(); cursor.next()) ++rows;
      return rows;
    } catch (const StoreException& damage) {
      return damage.error();
    }
  }

  static constexpr int kRows = 2'000;
  static constexpr size_t kPage = 4096;
  const std::string file_ = directory_.path() + "/data.mdb";
  std::string bytes_;
};

TEST_F(DamagedLmdbTest, ACutFileIsRefusedAndLeftAsItIs) {
  for (size_t pages = 2; pages < bytes_.size() / kPage; pages += 5) {
    const std::string cut = bytes_.substr(0, pages * kPage + 100);
    spill(cut);
    const Result<int> read = read_all();
    ASSERT_FALSE(read) << pages;
    EXPECT_EQ(read.error().code, Errc::corrupt);
    EXPECT_NE(read.error().detail.find(file_), std::string::npos) << read.error().detail;
    EXPECT_EQ(slurp(), cut);
  }
}

TEST_F(DamagedLmdbTest, APageOfZerosIsAnErrorAndNotTheEndOfTheProcess) {
  int refused = 0;
  for (size_t at = 2 * kPage; at + kPage <= bytes_.size(); at += kPage) {
    std::string damaged = bytes_;
    damaged.replace(at, kPage, kPage, '\0');
    spill(damaged);
    const Result<int> read = read_all();
    if (read) {
      EXPECT_EQ(*read, kRows) << at / kPage;  // a page that was free
    } else {
      EXPECT_EQ(read.error().code, Errc::corrupt) << read.error().message();
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace kvfs::lmdb
