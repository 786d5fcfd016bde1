// Crashes that the simulation once found recovery to get wrong, one by one.
#include <gtest/gtest.h>

#include <string>

#include "store/engine/engine.h"
#include "tests/crash/crash_directory.h"
#include "tests/crash/io_recorder.h"

namespace kvfs::crash {
namespace {

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    options_.path = directory_.path() + "/store";
    options_.reserve_bytes = 0;
    write_image({}, options_.path);
    IoRecorder::instance().start(options_.path);
    engine_ = open_engine(options_).value();
  }
  ~RecoveryTest() override { stop(); }

  void stop() {
    engine_.reset();
    if (IoRecorder::instance().active()) IoRecorder::instance().stop();
  }

  Result<Sequence> put(const std::string& key, const std::string& value) {
    return engine_->transact([&](Transaction& txn) -> Result<void> {
      txn.put(key, value);
      return {};
    });
  }

  // A row that refers to a new chunk, instead of the one before.
  ChunkRef put_chunk(const std::string& key, const std::string& content, const ChunkRef* before = nullptr) {
    const ChunkRef ref = engine_->chunks().append(content).value();
    auto done = engine_->transact([&](Transaction& txn) -> Result<void> {
      txn.use_chunk(ref);
      txn.put(key, content);
      if (before != nullptr) txn.release_chunk(*before);
      return {};
    });
    EXPECT_TRUE(done);
    return ref;
  }

  // Opens what a crash left.
  void open(const Image& image) {
    stop();
    write_image(image, options_.path);
    auto opened = open_engine(options_);
    ASSERT_TRUE(opened) << opened.error().message();
    engine_ = std::move(*opened);
  }

  bool has(const std::string& key) { return engine_->snapshot()->get(key).has_value(); }

  CrashDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(RecoveryTest, ACommitWhoseChunkWasReleasedAndReclaimedIsKept) {
  const ChunkRef first = put_chunk("k", std::string(10'000, '1'));
  put_chunk("k", std::string(10'000, '2'), &first);
  ASSERT_TRUE(engine_->sync());  // which gives the first chunk's space back
  ASSERT_TRUE(put("after", ""));
  open(IoRecorder::instance().model().now());
  EXPECT_EQ(engine_->snapshot()->get("k"), std::string(10'000, '2'));
  EXPECT_TRUE(has("after"));
}

TEST_F(RecoveryTest, ACommitWhoseChunkFileIsGoneIsCutWithAllThatFollowed) {
  ASSERT_TRUE(put("before", ""));
  put_chunk("k", std::string(10'000, '1'));
  ASSERT_TRUE(put("after", ""));
  Image image = IoRecorder::instance().model().now();
  std::erase_if(image, [](const auto& file) { return file.first.starts_with("/chunks/"); });
  open(image);
  EXPECT_TRUE(has("before"));
  EXPECT_FALSE(has("k"));
  EXPECT_FALSE(has("after"));
}

TEST_F(RecoveryTest, TheBaseSurvivesAPowerLossFromTheBeginning) {
  ASSERT_TRUE(put("k", ""));
  ASSERT_TRUE(engine_->checkpoint());
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    const Image image = IoRecorder::instance().model().crash(random);
    ASSERT_TRUE(image.contains("/base/data.mdb"));
  }
  open(IoRecorder::instance().model().crash(random));
  EXPECT_TRUE(has("k"));
}

}  // namespace
}  // namespace kvfs::crash
