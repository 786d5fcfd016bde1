// Readers, writers, snapshots and checkpoints at once; invariants that only consistent views keep.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "store/engine/engine.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

constexpr int kAccounts = 50;
constexpr int64_t kTotal = kAccounts * 1000;

std::string account(uint64_t number) { return "account" + std::to_string(100 + number); }

class EngineConcurrencyTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    options_.kind = GetParam();
    options_.path = directory_.path() + "/store";
    options_.memtable_entries_max = 60;
    engine_ = open_engine(options_).value();
    ASSERT_TRUE(engine_->transact([](Transaction& txn) {
      for (uint64_t i = 0; i < kAccounts; ++i) txn.put(account(i), "1000");
      return Result<void>();
    }));
  }

  static int64_t amount(const Snapshot& rows, const std::string& key) {
    const auto value = rows.get(key);
    return value ? std::stoll(std::string(*value)) : 0;
  }

  /// Moves money; an account without any has no row.
  void transfer(std::mt19937_64& random) {
    const std::string from = account(random() % kAccounts);
    const std::string to = account(random() % kAccounts);
    ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
      const int64_t sum = random() % 4 == 0 ? amount(txn, from) : std::min<int64_t>(amount(txn, from), 7);
      for (const auto& [key, change] : {std::pair(from, -sum), std::pair(to, sum)}) {
        const int64_t now = amount(txn, key) + change;
        if (now == 0) {
          txn.erase(key);
        } else {
          txn.put(key, std::to_string(now));
        }
      }
      return Result<void>();
    }));
  }

  static int64_t total(const Snapshot& rows, bool forward) {
    int64_t sum = 0;
    const auto cursor = rows.cursor();
    if (forward) {
      for (cursor->seek("account"); cursor->valid(); cursor->next()) sum += std::stoll(std::string(cursor->value()));
    } else {
      for (cursor->seek_before("b"); cursor->valid(); cursor->prev()) sum += std::stoll(std::string(cursor->value()));
    }
    return sum;
  }

  TemporaryDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineConcurrencyTest, EverySnapshotIsConsistentWhileWritersAndCheckpointsGoOn) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      std::unique_ptr<Snapshot> kept;
      Sequence last = 0;
      while (!stop) {
        auto snapshot = engine_->snapshot();
        ASSERT_GE(snapshot->sequence(), last);
        last = snapshot->sequence();
        ASSERT_EQ(total(*snapshot, random() % 2 == 0), kTotal) << "at sequence " << last;
        int64_t sum = 0;
        for (uint64_t i = 0; i < kAccounts; ++i) sum += amount(*snapshot, account(i));
        ASSERT_EQ(sum, kTotal);
        if (kept != nullptr) {
          ASSERT_EQ(total(*kept, true), kTotal);
        }
        if (random() % 8 == 0) kept = std::move(snapshot);
      }
    });
  }
  std::vector<std::thread> writers;
  for (int t = 0; t < 2; ++t) {
    writers.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(100 + t));
      for (int i = 0; i < 1500; ++i) {
        transfer(random);
        if (i % 300 == 0) {
          ASSERT_TRUE(engine_->checkpoint());
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(total(*engine_->snapshot(), true), kTotal);
}

TEST_P(EngineConcurrencyTest, StrictWritersShareSyncs) {
  std::vector<std::thread> writers;
  for (int t = 0; t < 8; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
          txn.require({Durability::Mode::strict, 0});
          txn.put("strict" + std::to_string(t), std::to_string(i));
          return Result<void>();
        }));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (const auto& [name, value] : engine_->stats()) {
    if (name == "unsynced_operations") {
      EXPECT_EQ(value, 0u);
    }
    if (name == "journal_syncs") {
      EXPECT_LE(value, 170u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EngineConcurrencyTest, testing::Values("memory", "lmdb"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace kvfs
