// The engine when the disk fails or is full: nothing is promised that is not kept.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <mutex>
#include <new>
#include <thread>

#include "store/engine/engine.h"
#include "tests/store/engine/failing_directory.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

class EngineFaultTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.path = directory_.path() + "/store";
    options_.open_directory = [this](const std::string& path) -> Result<std::unique_ptr<Directory>> {
      auto real = open_directory(path);
      if (!real) return real.error();
      return std::unique_ptr<Directory>(std::make_unique<FailingDirectory>(std::move(*real), faults_));
    };
    options_.notice = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(text);
    };
    open();
  }
  void open() {
    engine_.reset();
    engine_ = open_engine(options_).value();
  }
  Result<Sequence> put(std::string_view key, std::string_view value, const Durability& durability = {}) {
    return engine_->transact([&](Transaction& txn) {
      txn.put(key, value);
      txn.require(durability);
      return Result<void>();
    });
  }
  std::optional<std::string> get(std::string_view key) {
    const auto snapshot = engine_->snapshot();
    const auto value = snapshot->get(key);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  uint64_t stat(std::string_view wanted) {
    for (const auto& [name, value] : engine_->stats()) {
      if (name == wanted) return value;
    }
    ADD_FAILURE() << "no statistic named " << wanted;
    return 0;
  }
  void expect_read_only() {
    const auto refused = put("later", "x");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::read_only);
    EXPECT_NE(refused.error().detail.find("fdatasync"), std::string::npos) << refused.error().detail;
    EXPECT_EQ(engine_->sync().error().code, Errc::read_only);
    EXPECT_EQ(engine_->checkpoint().error().code, Errc::read_only);
    EXPECT_EQ(stat("read_only"), 1u);
    const std::lock_guard lock(mutex_);
    ASSERT_FALSE(notices_.empty());
    EXPECT_NE(notices_.back().find("fdatasync"), std::string::npos);
  }

  static constexpr Durability kStrict{Durability::Mode::strict, 0};
  TemporaryDirectory directory_;
  Faults faults_;
  std::mutex mutex_;
  std::vector<std::string> notices_;  // guarded by mutex_
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineFaultTest, ACommitThatCannotBeMadeVisibleEndsWritesAndIsThereAfterOpeningAgain) {
  ASSERT_TRUE(put("before", "x"));
  CommitOptions options;
  options.on_commit = [](Sequence) { throw std::bad_alloc(); };
  const auto body = [](Transaction& txn) {
    txn.put("during", "x");
    return Result<void>();
  };
  EXPECT_THROW((void)engine_->transact(body, options), std::bad_alloc);
  const auto refused = put("after", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::read_only);
  EXPECT_NE(refused.error().detail.find("bad_alloc"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(get("before"), "x");
  open();
  EXPECT_EQ(get("during"), "x");
  EXPECT_TRUE(put("after", "x"));
}

TEST_F(EngineFaultTest, FailedSyncOfAStrictCommitIsAnErrorAndMakesTheStoreReadOnly) {
  ASSERT_TRUE(put("before", "1", kStrict));
  faults_.sync = EIO;
  EXPECT_EQ(put("failed", "1", kStrict).error().code, Errc::io);
  faults_.sync = 0;  // a later success proves nothing about the earlier writes
  expect_read_only();
  EXPECT_EQ(get("before"), "1");
  open();
  EXPECT_EQ(get("before"), "1");
  EXPECT_TRUE(put("after", "1"));
}

TEST_F(EngineFaultTest, CommitThatDoesNotWaitIsToldWhenItIsDurable) {
  Sequence awaits = 0;
  CommitOptions deferred;
  deferred.awaits_sync = &awaits;
  const auto commit = [&](const Durability& durability) {
    return engine_->transact(
        [&](Transaction& txn) {
          txn.put("a", "1");
          txn.require(durability);
          return Result<void>();
        },
        deferred);
  };
  ASSERT_TRUE(commit({}));
  EXPECT_EQ(awaits, 0u) << "nothing demands a sync";
  faults_.hold_syncs();
  const auto committed = commit(kStrict);
  ASSERT_TRUE(committed);
  EXPECT_EQ(awaits, *committed);
  EXPECT_EQ(get("a"), "1");
  std::promise<Result<void>> promise;
  auto told = promise.get_future();
  engine_->when_durable(awaits, [&](const Result<void>& done) { promise.set_value(done); });
  ASSERT_TRUE(faults_.wait_for_held_sync());
  EXPECT_EQ(told.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_LT(stat("durable_sequence"), awaits);
  faults_.release_syncs();
  EXPECT_TRUE(told.get());
  EXPECT_GE(stat("durable_sequence"), awaits);
  bool at_once = false;
  engine_->when_durable(awaits, [&](const Result<void>& done) { at_once = done.has_value(); });
  EXPECT_TRUE(at_once);
}

TEST_F(EngineFaultTest, CommitsThatDoNotWaitShareASyncAndItsFailure) {
  constexpr uint64_t kCommits = 100;
  for (const bool fails : {false, true}) {
    faults_.sync = fails ? EIO : 0;
    faults_.hold_syncs();
    std::vector<std::promise<Result<void>>> promises(kCommits);
    const uint64_t syncs_before = faults_.syncs;
    for (auto& promise : promises) {
      CommitOptions options;
      Sequence awaits = 0;
      options.awaits_sync = &awaits;
      ASSERT_TRUE(engine_->transact(
          [&](Transaction& txn) {
            txn.put("a", "1");
            txn.require(kStrict);
            return Result<void>();
          },
          options));
      engine_->when_durable(awaits, [&promise](const Result<void>& done) { promise.set_value(done); });
    }
    faults_.release_syncs();
    for (auto& promise : promises) {
      const Result<void> done = promise.get_future().get();
      EXPECT_EQ(done.has_value(), !fails);
      EXPECT_TRUE(!fails || done.error().code == Errc::io || done.error().code == Errc::read_only);
    }
    EXPECT_LE(faults_.syncs - syncs_before, 4u) << "one that was under way, one for all who came meanwhile";
  }
  faults_.sync = 0;
  expect_read_only();
}

TEST_F(EngineFaultTest, EveryoneWhoAwaitsASyncIsToldBeforeTheEngineEnds) {
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    const auto committed = put("a", "1");
    ASSERT_TRUE(committed);
    engine_->when_durable(*committed, [&](const Result<void>& done) { told += done.has_value() ? 1 : 0; });
  }
  engine_.reset();
  EXPECT_EQ(told, 10);
}

TEST_F(EngineFaultTest, FailedExplicitSyncIsReported) {
  ASSERT_TRUE(put("a", "1"));
  faults_.sync = EIO;
  EXPECT_EQ(engine_->sync().error().code, Errc::io);
  faults_.sync = 0;
  expect_read_only();
}

TEST_F(EngineFaultTest, FailedSyncInTheBackgroundMakesTheStoreReadOnly) {
  faults_.sync = EIO;
  ASSERT_TRUE(put("a", "1", {Durability::Mode::interval, 10}));
  while (stat("read_only") == 0) std::this_thread::yield();
  faults_.sync = 0;
  expect_read_only();
}

TEST_F(EngineFaultTest, ReadOnlyStoreDiscardsNoChunks) {
  const ChunkRef ref = engine_->chunks().append("chunk").value();
  faults_.sync = EIO;
  const auto failed = engine_->transact([&](Transaction& txn) {
    txn.use_chunk(ref);
    txn.put("a", "refers");
    txn.require(kStrict);
    return Result<void>();
  });
  ASSERT_FALSE(failed);
  engine_->chunks().discard(ref);
  char bytes[5];
  EXPECT_TRUE(engine_->chunks().read(ref, 0, 5, bytes));
}

TEST_F(EngineFaultTest, FullDiskIsNoSpaceAndNothingElse) {
  ASSERT_TRUE(put("a", "1"));
  faults_.write = ENOSPC;
  EXPECT_EQ(put("a", "2").error().code, Errc::no_space);
  EXPECT_EQ(engine_->chunks().append("chunk").error().code, Errc::no_space);
  EXPECT_EQ(get("a"), "1");
  faults_.write = 0;
  EXPECT_TRUE(put("a", "3"));
  open();
  EXPECT_EQ(get("a"), "3");
}

TEST_F(EngineFaultTest, FailedWriteMakesTheStoreReadOnlyAndTheCommitInvisible) {
  ASSERT_TRUE(put("a", "1"));
  faults_.write = EIO;
  EXPECT_EQ(put("a", "2").error().code, Errc::io);
  faults_.write = 0;
  EXPECT_EQ(put("a", "3").error().code, Errc::read_only);
  EXPECT_EQ(get("a"), "1");
}

TEST_F(EngineFaultTest, EveryPolicyAcknowledgesNoMoreThanItMay) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(put("a", "1", {Durability::Mode::every, 4}));
    EXPECT_LT(stat("unsynced_operations"), 4u);
  }
  ASSERT_TRUE(put("a", "1", {Durability::Mode::every, 1}));
  EXPECT_EQ(stat("unsynced_operations"), 0u);
  EXPECT_EQ(stat("durable_sequence"), stat("sequence"));
}

TEST_F(EngineFaultTest, DefaultPolicySyncsInTheBackground) {
  ASSERT_TRUE(put("a", "1"));
  while (stat("unsynced_operations") != 0) std::this_thread::yield();
  EXPECT_EQ(stat("durable_sequence"), stat("sequence"));
}

class EngineSpaceTest : public EngineFaultTest {
 protected:
  void SetUp() override {
    options_.max_size_bytes = 4 * 1024 * 1024;
    options_.reserve_bytes = 0;
    EngineFaultTest::SetUp();
  }
};

TEST_F(EngineSpaceTest, AtMaxSizeWritesThatGrowAreRefusedAndDeletesMakeRoom) {
  int stored = 0;
  Result<Sequence> done(Sequence{0});
  while ((done = put("key" + std::to_string(stored), std::string(100'000, 'x')))) stored += 1;
  EXPECT_EQ(done.error().code, Errc::no_space);
  EXPECT_NE(done.error().detail.find("max_size"), std::string::npos);
  EXPECT_GT(stored, 5);
  EXPECT_LT(stored, 42);
  EXPECT_EQ(get("key0"), std::string(100'000, 'x'));
  ASSERT_TRUE(put("key0", "smaller"));
  for (int i = 0; i < stored; ++i) {
    ASSERT_TRUE(engine_->transact([&](Transaction& txn) {
      txn.erase("key" + std::to_string(i));
      return Result<void>();
    }));
  }
  ASSERT_TRUE(engine_->checkpoint());
  ASSERT_TRUE(engine_->checkpoint());
  EXPECT_TRUE(put("again", std::string(100'000, 'x')));
}

TEST_F(EngineSpaceTest, AtMaxSizeChunksAreRefused) {
  Result<ChunkRef> done(ChunkRef{});
  int stored = 0;
  while ((done = engine_->chunks().append(std::string(256 * 1024, 'x')))) ASSERT_LT(++stored, 32);
  EXPECT_EQ(done.error().code, Errc::no_space);
  EXPECT_GE(stored, 8);
  EXPECT_LE(engine_->space().bytes_used, options_.max_size_bytes);
  EXPECT_EQ(engine_->space().bytes_max, options_.max_size_bytes);
}

}  // namespace
}  // namespace kvfs
