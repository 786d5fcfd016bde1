// Random transactions, scans, snapshots, checkpoints and reopenings against std::map.
// KVFS_TEST_SEED repeats a run, KVFS_TEST_STEPS lengthens it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include "store/engine/engine.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

using Model = std::map<std::string, std::string>;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class EngineModelTest : public testing::TestWithParam<const char*> {
 protected:
  struct View {
    Model model;
    std::unique_ptr<Snapshot> snapshot;
  };

  void SetUp() override {
    options_.kind = GetParam();
    options_.path = directory_.path() + "/store";
    options_.memtable_entries_max = 200;  // so that memtables are frozen and folded all the time
    engine_ = open_engine(options_).value();
  }

  uint64_t below(uint64_t limit) { return random_() % limit; }
  std::string random_key() {
    std::string key(1 + below(3), 'a');
    for (char& c : key) c = static_cast<char>('a' + below(6));
    if (below(20) == 0) key.resize(1 + below(kRowKeyBytesMax), static_cast<char>(below(256)));
    return key;
  }
  std::string random_value() {
    return std::string(below(10) == 0 ? below(20'000) : below(40), static_cast<char>('A' + below(26)));
  }

  static void expect_row(const Cursor& cursor, const Model& model, Model::const_iterator row) {
    ASSERT_EQ(cursor.valid(), row != model.end());
    if (!cursor.valid()) return;
    ASSERT_EQ(cursor.key(), row->first);
    ASSERT_EQ(cursor.value(), row->second);
  }

  void walk(const Snapshot& snapshot, const Model& model) {
    const auto cursor = snapshot.cursor();
    const std::string key = random_key();
    auto row = model.lower_bound(key);
    if (below(2) == 0) {
      cursor->seek(key);
    } else {
      cursor->seek_before(key);
      row = row == model.begin() ? model.end() : std::prev(row);
    }
    expect_row(*cursor, model, row);
    for (uint64_t steps = below(30); steps > 0 && cursor->valid() && !HasFatalFailure(); --steps) {
      if (below(3) != 0) {
        cursor->next();
        ++row;
      } else {
        cursor->prev();
        row = row == model.begin() ? model.end() : std::prev(row);
      }
      expect_row(*cursor, model, row);
    }
  }

  static void expect_same(const Snapshot& snapshot, const Model& model) {
    const auto cursor = snapshot.cursor();
    cursor->seek("");
    for (auto row = model.begin(); row != model.end(); ++row, cursor->next()) {
      expect_row(*cursor, model, row);
      if (HasFatalFailure()) return;
    }
    ASSERT_FALSE(cursor->valid());
  }

  void expect_reads(const Snapshot& snapshot, const Model& model) {
    const std::string key = random_key();
    const auto found = model.find(key);
    const auto value = snapshot.get(key);
    ASSERT_EQ(value.has_value(), found != model.end());
    if (value) {
      ASSERT_EQ(*value, found->second);
    }
    walk(snapshot, model);
  }

  void transact() {
    Model after = model_;
    const bool fails = below(8) == 0;
    const auto done = engine_->transact([&](Transaction& txn) -> Result<void> {
      after = model_;
      for (uint64_t n = 1 + below(below(10) == 0 ? 200 : 6); n > 0 && !HasFatalFailure(); --n) {
        const std::string key = random_key();
        if (below(3) == 0) {
          txn.erase(key);
          after.erase(key);
        } else {
          std::string value = random_value();
          txn.put(key, value);
          after[key] = std::move(value);
        }
        if (below(4) == 0) expect_reads(txn, after);
      }
      if (fails) return Error{Errc::busy, ""};
      return {};
    });
    ASSERT_EQ(done.has_value(), !fails);
    if (!fails) model_ = std::move(after);
  }

  void step() {
    switch (below(12)) {
      case 0:
        if (views_.size() < 8) views_.push_back({model_, engine_->snapshot()});
        break;
      case 1:
        if (!views_.empty()) views_.erase(views_.begin() + static_cast<long>(below(views_.size())));
        break;
      case 2:
        if (!views_.empty()) {
          const View& view = views_[below(views_.size())];
          expect_reads(*view.snapshot, view.model);
        }
        break;
      case 3:
        expect_reads(*engine_->snapshot(), model_);
        break;
      case 4:
        if (below(4) == 0) {
          ASSERT_TRUE(engine_->checkpoint());
        }
        break;
      case 5:
        if (below(10) == 0 && options_.kind != "memory") {
          views_.clear();
          engine_.reset();
          engine_ = open_engine(options_).value();
          expect_same(*engine_->snapshot(), model_);
        }
        break;
      default:
        transact();
    }
  }

  TemporaryDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<View> views_;
};

TEST_P(EngineModelTest, BehavesLikeAnOrderedMap) {
  const uint64_t seed = from_environment("KVFS_TEST_SEED", std::random_device{}());
  const uint64_t steps = from_environment("KVFS_TEST_STEPS", 1500);
  SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
  random_.seed(seed);
  for (uint64_t i = 0; i < steps && !HasFatalFailure(); ++i) step();
  if (HasFatalFailure()) return;
  for (const View& view : views_) expect_same(*view.snapshot, view.model);
  expect_same(*engine_->snapshot(), model_);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EngineModelTest, testing::Values("memory", "lmdb"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace kvfs
