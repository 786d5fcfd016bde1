#include "store/lmdb.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace kvfs::lmdb
