// The engine where there is no memory: nothing acknowledged is lost, nothing hangs, and what can go on goes on.
#include <gtest/gtest.h>

#include <exception>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/engine/background_task.h"
#include "store/engine/engine.h"
#include "store/engine/memtable.h"
#include "store/store.h"
#include "tests/memory/failing_memory.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

using test::FailingAllocation;

constexpr Durability kStrict{Durability::Mode::strict, 0};

TEST(MemtableMemory, KeysThatThereWasNoMemoryToPutInOrderAreThereTheNextTime) {
  Memtable table;
  const auto count = [&table](Sequence at) {
    size_t keys = 0;
    Memtable::Iterator it(table, at);
    for (it.seek_to_first(); it.valid(); it.next()) ++keys;
    return keys;
  };
  for (Sequence i = 1; i <= 100; ++i) table.put(i, "key" + std::to_string(i), "value");
  {
    const FailingAllocation next(1);
    EXPECT_THROW((void)count(100), std::bad_alloc);
  }
  {
    const FailingAllocation later(4);
    EXPECT_THROW((void)count(100), std::bad_alloc);
  }
  for (Sequence i = 101; i <= 150; ++i) table.put(i, "key" + std::to_string(i), "value");
  EXPECT_EQ(count(150), 150U);
  EXPECT_EQ(table.unordered(), 0U);
}

TEST(BackgroundTaskMemory, ARunThatThrowsIsToldAndFollowedByAnother) {
  std::promise<std::string> told;
  std::promise<void> ran_again;
  int runs = 0;
  BackgroundTask task(
      [&]() -> uint64_t {
        if (++runs == 1) throw std::bad_alloc();
        if (runs == 2) ran_again.set_value();
        return BackgroundTask::kNever;
      },
      [&](const std::exception& e) { told.set_value(e.what()); });
  EXPECT_EQ(told.get_future().get(), "std::bad_alloc");
  ran_again.get_future().get();
}

class EngineMemory : public testing::Test {
 protected:
  EngineMemory() {
    options_.path = directory_.path() + "/store";
    options_.checkpoint_interval_ms = 0;
    open();
  }
  void open() {
    engine_.reset();
    engine_ = open_engine(options_).value();
  }
  /// Whether it was acknowledged.
  bool put(const std::string& key, const std::string& value, const Durability& durability = {}) {
    try {
      return engine_
          ->transact([&](Transaction& txn) {
            txn.put(key, value);
            txn.require(durability);
            return Result<void>();
          })
          .has_value();
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  std::map<std::string, std::string> all() {
    std::map<std::string, std::string> rows;
    const auto snapshot = engine_->snapshot();
    const auto cursor = snapshot->cursor();
    for (cursor->seek(""); cursor->valid(); cursor->next()) rows.emplace(cursor->key(), cursor->value());
    return rows;
  }
  uint64_t stat(std::string_view wanted) {
    for (const auto& [name, value] : engine_->stats())
      if (name == wanted) return value;
    return UINT64_MAX;
  }
  /// Runs `step` with its 1st, 2nd, ... allocation failing until none does. Returns how many did.
  template <class Step>
  uint64_t fail_each_allocation(Step step) {
    for (uint64_t nth = 1;; ++nth) {
      bool failed = false;
      {
        const FailingAllocation allocation(nth);
        step(nth);
        failed = allocation.failed();
      }
      if (!failed) return nth - 1;
      if (stat("read_only") != 0) open();  // its defined end where a commit could not be made visible
    }
  }

  TemporaryDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineMemory, WhicheverAllocationOfACommitFailsWhatWasAcknowledgedIsThere) {
  for (const Durability& durability : {Durability{}, kStrict}) {
    std::map<std::string, std::string> acknowledged;
    const std::string value(50'000, 'v');
    const auto step = [&](uint64_t nth) {
      try {
        const std::string key = "key" + std::to_string(nth);
        if (put(key, value + key, durability)) acknowledged[key] = value + key;
      } catch (const std::bad_alloc&) {  // of the test's own; what it did not note it does not expect
      }
    };
    EXPECT_GT(fail_each_allocation(step), 0U);
    const auto check = [&](const char* when) {
      const auto rows = all();
      for (const auto& [key, wanted] : acknowledged)
        EXPECT_TRUE(rows.contains(key) && rows.at(key) == wanted) << key << ' ' << when;
    };
    check("running");
    ASSERT_TRUE(put("last", "x"));
    ASSERT_TRUE(engine_->checkpoint());
    check("after a checkpoint");
    open();
    check("after opening again");
  }
}

TEST_F(EngineMemory, WhicheverAllocationOfAReaderFailsNoReaderIsLeftBehind) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put("key" + std::to_string(i), "value"));
  const auto read = [&](uint64_t) {
    try {
      (void)all();
    } catch (const std::bad_alloc&) {
    }
  };
  EXPECT_GT(fail_each_allocation(read), 0U);
  EXPECT_EQ(all().size(), 100U);
  EXPECT_EQ(stat("readers_active"), 0U);
}

TEST_F(EngineMemory, AnAnswerThatCouldNotBeGivenIsGivenLater) {
  CommitOptions deferred;
  Sequence awaits = 0;
  deferred.awaits_sync = &awaits;
  const auto body = [](Transaction& txn) {
    txn.put("a", "1");
    txn.require(kStrict);
    return Result<void>();
  };
  ASSERT_TRUE(engine_->transact(body, deferred));
  std::promise<bool> first;
  std::promise<bool> second;
  int calls = 0;
  engine_->when_durable(awaits, [&](const Result<void>& done) {
    if (++calls == 1) throw std::bad_alloc();
    first.set_value(done.has_value());
  });
  engine_->when_durable(awaits, [&](const Result<void>& done) { second.set_value(done.has_value()); });
  EXPECT_TRUE(first.get_future().get());
  EXPECT_TRUE(second.get_future().get());
}

TEST_F(EngineMemory, AChunkThatACommitRefersToIsNotDiscarded) {
  const std::string bytes(20'000, 'b');
  const ChunkRef kept = engine_->chunks().append(bytes).value();
  const ChunkRef staged = engine_->chunks().append(bytes).value();
  const uint64_t bytes_used = engine_->chunks().bytes_used();
  ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
    txn.put("value", "refers to it");
    txn.use_chunk(kept);
    return Result<void>();
  }));
  engine_->chunks().discard(kept);  // as who staged it does when something fails behind the commit
  std::string read(bytes.size(), '\0');
  ASSERT_TRUE(engine_->chunks().read(kept, 0, kept.length, read.data()));
  EXPECT_EQ(read, bytes);
  engine_->chunks().discard(staged);
  EXPECT_LT(engine_->chunks().bytes_used(), bytes_used);
}

TEST_F(EngineMemory, AChunkThatNobodyHasNotedIsGivenBackWhenTheEngineCloses) {
  const std::string bytes(20'000, 'b');
  const ChunkRef kept = engine_->chunks().append(bytes).value();
  ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
    txn.put("value", "refers to it");
    txn.use_chunk(kept);
    return Result<void>();
  }));
  const uint64_t bytes_used = engine_->chunks().bytes_used();
  ASSERT_TRUE(engine_->chunks().append(bytes));
  open();
  EXPECT_FALSE(engine_->chunks().unclean());
  EXPECT_EQ(engine_->chunks().bytes_used(), bytes_used);
}

TEST(StoreMemory, WhicheverAllocationOfAPutFailsNoValueIsTorn) {
  const TemporaryDirectory directory;
  StoreOptions options;
  options.engine.path = directory.path() + "/store";
  auto store = Store::open(options).value();
  const DirId tenant = store->ensure_tenant("default").value();
  const auto value_of = [](uint64_t nth) { return std::to_string(nth) + std::string(30'000, 'v'); };
  const auto put_value = [&](uint64_t nth) {
    try {
      ValueWriter writer(store->engine().chunks(), 1 << 20);
      if (!writer.append(value_of(nth))) return false;
      Result<StagedValue> value = writer.finish();
      if (!value) return false;
      const Result<void> done = store->write([&](WriteTxn& txn) -> Result<void> {
        const Result<DirId> collection = ensure_collection(txn, tenant, "c");
        if (!collection) return collection.error();
        const auto put_done = put(txn, *collection, "key" + std::to_string(nth), *value);
        if (!put_done) return put_done.error();
        return {};
      });
      if (done) value->published();
      return done.has_value();
    } catch (const std::exception&) {
      return false;
    }
  };
  std::vector<bool> acknowledged{false};
  for (bool failed = true; failed;) {
    const FailingAllocation allocation(acknowledged.size());
    acknowledged.push_back(put_value(acknowledged.size()));
    failed = allocation.failed();
  }
  const auto check = [&] {
    store->read([&](const ReadTxn& txn) {
      const Result<DirId> collection = find_collection(txn, tenant, "c");
      ASSERT_TRUE(collection);
      for (uint64_t nth = 1; nth < acknowledged.size(); ++nth) {
        const Result<Entry> entry = get(txn, *collection, "key" + std::to_string(nth));
        EXPECT_TRUE(entry || !acknowledged[nth]) << nth;
        if (!entry) continue;
        const Result<std::string> value = read_whole_value(txn, *entry, 1 << 20);
        EXPECT_TRUE(value && *value == value_of(nth)) << nth;
      }
    });
  };
  check();
  store.reset();
  store = Store::open(options).value();
  check();
}

// A fold runs on a thread of its own: all of its allocations fail, and then none.
TEST_F(EngineMemory, ACheckpointWithoutMemoryFailsAndWorksWhenThereIsSome) {
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put("key" + std::to_string(i), "value"));
  {
    const test::NoMemoryElsewhere nowhere;
    const auto done = engine_->checkpoint();
    EXPECT_GT(nowhere.failures(), 0U);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::limit_reached) << done.error().message();
  }
  EXPECT_EQ(stat("read_only"), 0U);
  EXPECT_TRUE(put("later", "value"));
  Result<void> done = engine_->checkpoint();
  while (!done && done.error().code == Errc::limit_reached) done = engine_->checkpoint();  // one that began before
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_EQ(all().size(), 1001U);
  open();
  EXPECT_EQ(all().size(), 1001U);
}

}  // namespace
}  // namespace kvfs
