// What the base does with rows that the disk has changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>

#include "store/engine/base_lmdb.h"
#include "store/engine/coding.h"
#include "store/engine/engine.h"
#include "store/engine/files_check.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

class DamagedBaseTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.path = directory_.path() + "/store";
    options_.notice = [this](const std::string& text) { notices_ += text + "\n"; };
    const auto engine = open_engine(options_).value();
    ASSERT_TRUE(engine->transact([](Transaction& rows) -> Result<void> {
      for (int i = 0; i < kRows; ++i) rows.put(key(i), value(i));
      return {};
    }));
    ASSERT_TRUE(engine->checkpoint());
  }

  static std::string key(int i) { return "key-" + std::to_string(1000 + i); }
  static std::string value(int i) { return "value-" + std::to_string(1000 + i) + "-of-some-length"; }

  /// Flips one bit of the byte at `offset` behind the only place where the file has `text`.
  void flip(const std::string& text, size_t offset, int bit = 0) const {
    std::string bytes = slurp();
    const size_t at = bytes.find(text);
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(bytes.find(text, at + 1), std::string::npos) << "the test does not know which of them counts";
    bytes[at + offset] = static_cast<char>(bytes[at + offset] ^ (1 << bit));
    std::ofstream(file(), std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string file() const { return options_.path + "/base/data.mdb"; }
  std::string slurp() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static std::optional<std::string> get(Engine& engine, const std::string& key) {
    const auto snapshot = engine.snapshot();
    const auto found = snapshot->get(key);
    return found ? std::optional<std::string>(*found) : std::nullopt;
  }
  static int count(Engine& engine) {
    const auto snapshot = engine.snapshot();
    const auto cursor = snapshot->cursor();
    int rows = 0;
    for (cursor->seek("key-"); cursor->valid() && cursor->key().starts_with("key-"); cursor->next()) ++rows;
    return rows;
  }

  static constexpr int kRows = 50;
  const TemporaryDirectory directory_;
  EngineOptions options_;
  std::string notices_;
};

TEST_F(DamagedBaseTest, AFlippedBitIsAnErrorThatNamesTheRowAndNotAValue) {
  for (const size_t offset : {size_t{0}, value(7).size() - 1, value(7).size(), value(7).size() + 3}) {
    for (const int bit : {0, 7}) {
      SCOPED_TRACE("byte " + std::to_string(offset) + ", bit " + std::to_string(bit));
      const std::string intact = slurp();
      flip(value(7), offset, bit);
      {
        const auto engine = open_engine(options_).value();
        try {
          get(*engine, key(7));
          ADD_FAILURE() << "it was served";
        } catch (const StoreException& damage) {
          EXPECT_EQ(damage.error().code, Errc::corrupt);
          EXPECT_NE(damage.error().detail.find(key(7)), std::string::npos) << damage.error().detail;
        }
        EXPECT_THROW(count(*engine), StoreException);
        EXPECT_EQ(get(*engine, key(8)), value(8));
      }
      std::ofstream(file(), std::ios::binary | std::ios::trunc)
          .write(intact.data(), static_cast<std::streamsize>(intact.size()));
    }
  }
  EXPECT_EQ(count(*open_engine(options_).value()), kRows);
}

TEST_F(DamagedBaseTest, ARowUnderAnotherKeyIsDamaged) {
  flip(key(7) + value(7), 5);
  const auto engine = open_engine(options_).value();
  EXPECT_THROW(count(*engine), StoreException);
  EXPECT_EQ(get(*engine, key(8)), value(8));
}

TEST_F(DamagedBaseTest, ACheckListsDamagedRowsAndSalvageLeavesThemOut) {
  flip(value(7), 3);
  flip(key(20) + value(20), 4);
  const auto checked = check_files(options_.path);
  ASSERT_TRUE(checked) << checked.error().message();
  ASSERT_EQ(checked->damages.size(), 2u);
  EXPECT_EQ(checked->damages[0].where, file());
  EXPECT_NE(checked->damages[0].what.find(key(7)), std::string::npos) << checked->damages[0].what;

  options_.salvage = true;
  {
    const auto engine = open_engine(options_).value();
    EXPECT_EQ(count(*engine), kRows - 2);
    EXPECT_EQ(get(*engine, key(7)), std::nullopt);
    EXPECT_EQ(get(*engine, key(20)), std::nullopt);
  }
  EXPECT_NE(notices_.find("salvage: " + options_.path + "/base: row " + key(7)), std::string::npos) << notices_;

  options_.salvage = false;
  EXPECT_EQ(count(*open_engine(options_).value()), kRows - 2);
  EXPECT_TRUE(check_files(options_.path)->damages.empty());
}

// A greater one would have commits of the journal passed over.
TEST_F(DamagedBaseTest, ADamagedSequenceKeepsTheStoreFromOpening) {
  flip("sequence", std::string("sequence").size(), 4);
  const auto engine = open_engine(options_);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Errc::corrupt);
  EXPECT_NE(engine.error().detail.find("sequence"), std::string::npos) << engine.error().detail;
}

TEST_F(DamagedBaseTest, WritingTheRowAnewMendsIt) {
  flip(value(7), 3);
  const auto engine = open_engine(options_).value();
  ASSERT_TRUE(engine->transact([](Transaction& rows) -> Result<void> {
    rows.put(key(7), "new");
    return {};
  }));
  EXPECT_EQ(get(*engine, key(7)), "new");
  ASSERT_TRUE(engine->checkpoint());
  EXPECT_EQ(get(*engine, key(7)), "new");
  EXPECT_EQ(count(*engine), kRows);
}

TEST_F(DamagedBaseTest, NoFlippedBitEndsTheProcessOrIsServed) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string intact = slurp();
  int told = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bytes = intact;
    const size_t at = 2 * 4096 + random() % (bytes.size() - 2 * 4096);  // behind LMDB's two first pages
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    SCOPED_TRACE("byte " + std::to_string(at));
    std::ofstream(file(), std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    auto engine = open_engine(options_);
    if (!engine) {
      ++told;
      continue;
    }
    bool differs = false;
    for (int i = 0; i < kRows; ++i) {
      try {
        const auto found = get(**engine, key(i));
        differs = differs || !found;
        EXPECT_EQ(found.value_or(value(i)), value(i));
      } catch (const StoreException& damage) {
        EXPECT_EQ(damage.error().code, Errc::corrupt) << damage.error().message();
        differs = true;
      }
    }
    if (!differs) continue;
    engine->reset();
    const auto checked = check_files(options_.path);
    EXPECT_TRUE(!checked || !checked->damages.empty()) << "what a reader meets, a check finds";
    ++told;
  }
  EXPECT_GT(told, 0);
}

TEST_F(DamagedBaseTest, ACutBehindTheBackOfAnOpenStoreIsAnErrorAndNotTheEndOfTheProcess) {
  const auto engine = open_engine(options_).value();
  std::filesystem::resize_file(file(), 2 * 4096);
  EXPECT_THROW(count(*engine), StoreException);
  ASSERT_TRUE(engine->transact([](Transaction& rows) -> Result<void> {
    rows.put("later", "1");
    return {};
  }));
  EXPECT_EQ(get(*engine, "later"), "1") << "what is not in the base is there";
  EXPECT_FALSE(engine->checkpoint());
  EXPECT_EQ(get(*engine, "later"), "1");
  std::filesystem::resize_file(file(), 0);
  EXPECT_THROW(count(*engine), StoreException);
  EXPECT_FALSE(engine->checkpoint());
}

// As development versions wrote it.
TEST(BaseFormatTest, ABaseWithoutChecksumsIsReadAndWrittenAsItIs) {
  const TemporaryDirectory directory;
  EngineOptions options;
  options.path = directory.path() + "/store";
  (void)open_engine(options).value();
  {
    lmdb::EnvOptions env_options;
    env_options.path = options.path + "/base";
    const auto env = lmdb::Env::open(env_options).value();
    const auto rows = env->open_table("rows").value();
    const auto meta = env->open_table("meta").value();
    const auto txn = lmdb::WriteTxn::begin(*env).value();
    std::string format;
    append_fixed(format, uint32_t{1});
    ASSERT_TRUE(txn->put(meta, "format", format));
    ASSERT_TRUE(txn->put(rows, "a", "1"));
    ASSERT_TRUE(txn->commit());
  }
  for (int i = 0; i < 2; ++i) {
    const auto engine = open_engine(options).value();
    ASSERT_TRUE(engine->transact([](Transaction& txn) -> Result<void> {
      EXPECT_EQ(txn.get("a"), "1");
      txn.put("b", "22");
      return {};
    }));
    ASSERT_TRUE(engine->checkpoint());
    EXPECT_EQ(engine->snapshot()->get("b"), "22");
  }
  EXPECT_TRUE(check_files(options.path)->damages.empty());
}

}  // namespace
}  // namespace kvfs
