// Behaviour that every engine shares, and what the durable ones add.
#include "store/engine/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/store/engine/temporary_directory.h"
#include "tests/support/wait.h"

namespace kvfs {
namespace {

class EngineTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    options_.kind = GetParam();
    options_.path = directory_.path() + "/store";
    open();
  }
  void open() {
    engine_.reset();
    engine_ = open_engine(options_).value();
  }
  Sequence put(std::string_view key, std::string_view value) {
    return engine_
        ->transact([&](Transaction& txn) {
          txn.put(key, value);
          return Result<void>();
        })
        .value();
  }
  std::optional<std::string> get(std::string_view key) {
    const auto snapshot = engine_->snapshot();
    const auto value = snapshot->get(key);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  TemporaryDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineTest, CommittedRowsAreVisible) {
  EXPECT_EQ(get("a"), std::nullopt);
  put("a", "1");
  EXPECT_EQ(get("a"), "1");
  put("a", "");
  EXPECT_EQ(get("a"), "");
}

TEST_P(EngineTest, SequencesGrow) {
  const Sequence first = put("a", "1");
  const Sequence second = put("a", "1");
  EXPECT_GT(second, first);
  EXPECT_EQ(engine_->snapshot()->sequence(), second);
}

TEST_P(EngineTest, TransactionSeesItsOwnWrites) {
  put("b", "old");
  put("d", "old");
  const auto done = engine_->transact([&](Transaction& txn) -> Result<void> {
    txn.put("a", "new");
    txn.erase("b");
    txn.put("d", "new");
    EXPECT_EQ(txn.get("a"), "new");
    EXPECT_EQ(txn.get("b"), std::nullopt);
    std::string seen;
    const auto cursor = txn.cursor();
    for (cursor->seek(""); cursor->valid(); cursor->next())
      seen += std::string(cursor->key()) + "=" + std::string(cursor->value()) + " ";
    EXPECT_EQ(seen, "a=new d=new ");
    cursor->seek_before("d");
    EXPECT_TRUE(cursor->valid());
    EXPECT_EQ(cursor->key(), "a");
    return {};
  });
  EXPECT_TRUE(done);
}

TEST_P(EngineTest, ACursorThatKeepsToAPrefixMeetsAllRowsThereAndEndsBehindThem) {
  for (const char* key : {"a1", "a2", "b1", "b2", "b3", "b4", "c1", "c2"}) put(key, key);
  ASSERT_TRUE(engine_->transact([](Transaction& txn) {
    for (const char* key : {"a2", "b1", "b3", "c1"}) txn.erase(key);
    return Result<void>();
  }));
  const bool stops_there = options_.kind == "lmdb";
  const auto snapshot = engine_->snapshot();
  const auto cursor = snapshot->cursor();
  cursor->keep_to("b");
  std::string seen;
  for (cursor->seek("b"); cursor->valid() && cursor->key().starts_with("b"); cursor->next()) seen += cursor->key();
  EXPECT_EQ(seen, "b2b4");
  EXPECT_FALSE(stops_there && cursor->valid());  // the next row is an erased one
  seen.clear();
  for (cursor->seek_before("c"); cursor->valid() && cursor->key().starts_with("b"); cursor->prev())
    seen += cursor->key();
  EXPECT_EQ(seen, "b4b2");
  EXPECT_FALSE(stops_there && cursor->valid());
  cursor->seek("b3");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "b4");
  cursor->keep_to("");
  cursor->next();
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "c2");
}

TEST_P(EngineTest, FailedBodyChangesNothingAndItsErrorIsReturned) {
  put("a", "1");
  const auto done = engine_->transact([&](Transaction& txn) -> Result<void> {
    txn.put("a", "2");
    return Error{Errc::quota_exceeded, "enough"};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::quota_exceeded);
  EXPECT_EQ(done.error().detail, "enough");
  EXPECT_EQ(get("a"), "1");
}

TEST_P(EngineTest, ThrowingBodyChangesNothingAndTheEngineGoesOn) {
  EXPECT_THROW((void)engine_->transact([&](Transaction& txn) -> Result<void> {
    txn.put("a", "2");
    throw std::runtime_error("out of the body");
  }),
               std::runtime_error);
  EXPECT_EQ(get("a"), std::nullopt);
  put("a", "3");
  EXPECT_EQ(get("a"), "3");
}

TEST_P(EngineTest, SnapshotDoesNotSeeLaterCommits) {
  put("a", "1");
  put("b", "1");
  const auto snapshot = engine_->snapshot();
  put("a", "2");
  engine_
      ->transact([](Transaction& txn) {
        txn.erase("b");
        return Result<void>();
      })
      .value();
  EXPECT_EQ(snapshot->get("a"), "1");
  EXPECT_EQ(snapshot->get("b"), "1");
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), std::nullopt);
}

TEST_P(EngineTest, PutMayTakeViewsIntoTheTransaction) {
  put("a", "value of a");
  engine_
      ->transact([](Transaction& txn) {
        txn.put("b", *txn.get("a"));
        txn.put("c", *txn.get("b"));
        const auto cursor = txn.cursor();
        cursor->seek("a");
        txn.erase(cursor->key());
        return Result<void>();
      })
      .value();
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(get("c"), "value of a");
}

TEST_P(EngineTest, OnCommitRunsOnceWithTheSequenceAndSeesTheCommit) {
  int calls = 0;
  Sequence told = 0;
  CommitOptions options;
  options.on_commit = [&](Sequence sequence) {
    calls += 1;
    told = sequence;
  };
  const Sequence sequence = engine_
                                ->transact(
                                    [](Transaction& txn) {
                                      txn.put("a", "1");
                                      return Result<void>();
                                    },
                                    options)
                                .value();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(told, sequence);
}

TEST_P(EngineTest, TransactionThatWroteNothingKeepsTheSequence) {
  const Sequence before = put("a", "1");
  EXPECT_EQ(engine_->transact([](Transaction&) { return Result<void>(); }).value(), before);
}

TEST_P(EngineTest, ConcurrentTransactionsAllCountAndCommitInOrder) {
  std::vector<Sequence> order;
  CommitOptions options;
  options.on_commit = [&](Sequence sequence) { order.push_back(sequence); };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        engine_
            ->transact(
                [](Transaction& txn) {
                  const auto now = txn.get("counter");
                  txn.put("counter", std::to_string(now ? std::stoi(std::string(*now)) + 1 : 1));
                  return Result<void>();
                },
                options)
            .value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(get("counter"), "200");
  EXPECT_EQ(order.size(), 200u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(EngineTest, LongestKeysAndValuesAreStored) {
  const std::string key(kRowKeyBytesMax, 'k');
  const std::string value(kRowValueBytesMax, 'v');
  put(key, value);
  EXPECT_EQ(get(key), value);
}

TEST_P(EngineTest, ReleasedChunkStaysReadableForOlderSnapshots) {
  ChunkStore& chunks = engine_->chunks();
  const ChunkRef ref = chunks.append(std::string(10'000, 'x')).value();
  engine_
      ->transact([&](Transaction& txn) {
        txn.use_chunk(ref);
        txn.put("a", "refers");
        return Result<void>();
      })
      .value();
  auto snapshot = engine_->snapshot();
  auto pin = chunks.pin();
  engine_
      ->transact([&](Transaction& txn) {
        txn.erase("a");
        txn.release_chunk(ref);
        return Result<void>();
      })
      .value();
  ASSERT_TRUE(engine_->sync());
  std::string bytes(10'000, '\0');
  EXPECT_TRUE(chunks.read(ref, 0, 10'000, bytes.data()));
  snapshot.reset();
  put("b", "another commit");
  ASSERT_TRUE(engine_->sync());
  EXPECT_TRUE(chunks.read(ref, 0, 10'000, bytes.data()));
  EXPECT_GT(chunks.bytes_used(), 0u);
  pin.reset();
  put("b", "and another");
  ASSERT_TRUE(engine_->sync());
  EXPECT_EQ(chunks.bytes_used(), 0u);
}

TEST_P(EngineTest, PinTakenAfterAReleaseKeepsWhatAnOlderSnapshotSees) {
  ChunkStore& chunks = engine_->chunks();
  const ChunkRef ref = chunks.append("x").value();
  put("a", "refers");
  auto snapshot = engine_->snapshot();
  engine_
      ->transact([&](Transaction& txn) {
        txn.release_chunk(ref);
        return Result<void>();
      })
      .value();
  const auto pin = chunks.pin();
  snapshot.reset();
  put("b", "1");
  ASSERT_TRUE(engine_->sync());
  EXPECT_GT(chunks.bytes_used(), 0u);
}

TEST_P(EngineTest, StatsTellTheSequence) {
  const Sequence sequence = put("a", "1");
  for (const auto& [name, value] : engine_->stats()) {
    if (name == "sequence") {
      EXPECT_EQ(value, sequence);
      return;
    }
  }
  FAIL() << "no statistic named sequence";
}

INSTANTIATE_TEST_SUITE_P(Kinds, EngineTest, testing::Values("memory", "lmdb"),
                         [](const auto& kind) { return std::string(kind.param); });

class DurableEngineTest : public EngineTest {};

TEST_P(DurableEngineTest, RowsAndSequencesSurviveReopening) {
  const Sequence before = put("a", "1");
  open();
  EXPECT_EQ(get("a"), "1");
  EXPECT_GT(put("a", "2"), before);
}

TEST_P(DurableEngineTest, ChunksSurviveReopening) {
  const ChunkRef ref = engine_->chunks().append("chunk").value();
  ASSERT_TRUE(engine_->transact([&](Transaction& txn) -> Result<void> {
    txn.use_chunk(ref);
    txn.put("a", "refers");
    return {};
  }));
  open();
  char bytes[5];
  EXPECT_TRUE(engine_->chunks().read(ref, 0, 5, bytes));
  EXPECT_FALSE(engine_->chunks().unclean());
}

TEST_P(DurableEngineTest, SecondOpenIsBusyAndNamesTheProcess) {
  const auto second = open_engine(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_NE(second.error().detail.find(std::to_string(getpid())), std::string::npos);
}

TEST_P(DurableEngineTest, ManyErasedRowsAreFoldedSoonSoThatNobodyPassesOverThem) {
  options_.checkpoint_interval_ms = 0;
  open();
  const auto entries = [&] {
    for (const auto& [name, value] : engine_->stats())
      if (name == "memtable_entries") return value;
    return uint64_t{0};
  };
  constexpr int kRows = 60'000;
  const auto change_all = [&](bool erase) {
    ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
      for (int i = 0; i < kRows; ++i) {
        const std::string key = "row" + std::to_string(i);
        if (erase)
          txn.erase(key);
        else
          txn.put(key, "value");
      }
      return Result<void>();
    }));
  };
  change_all(false);
  put("stays", "1");
  EXPECT_GT(entries(), 50'000U);
  change_all(true);
  EXPECT_TRUE(test::wait_until([&] { return entries() == 0; }));
  const auto snapshot = engine_->snapshot();
  const auto cursor = snapshot->cursor();
  cursor->seek("");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "stays");
}

INSTANTIATE_TEST_SUITE_P(Kinds, DurableEngineTest, testing::Values("lmdb"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST(OpenEngineTest, UnknownKindIsInvalid) {
  EngineOptions options;
  options.kind = "papyrus";
  EXPECT_EQ(open_engine(options).error().code, Errc::invalid);
}

TEST(OpenEngineTest, MemoryEngineRefusesToGrowBeyondItsLimitButErases) {
  EngineOptions options;
  options.kind = "memory";
  options.max_size_bytes = 1000;
  const auto engine = open_engine(options).value();
  const auto put = [&](std::string_view key) {
    return engine->transact([&](Transaction& txn) {
      txn.put(key, std::string(600, 'x'));
      return Result<void>();
    });
  };
  ASSERT_TRUE(put("a"));
  const auto full = put("b");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  EXPECT_TRUE(engine->transact([](Transaction& txn) {
    txn.erase("a");
    return Result<void>();
  }));
  EXPECT_TRUE(put("b"));
}

}  // namespace
}  // namespace kvfs
