#include "store/engine/chunk_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

class ChunkLogTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    log_.reset();
    log_ = ChunkLog::open(open_directory(directory_.path() + "/chunks").value(), readers_, visible_).value();
    ASSERT_TRUE(log_->begin());
  }
  std::string read(const ChunkRef& ref) {
    std::string bytes(ref.length, '\0');
    EXPECT_TRUE(log_->read(ref, 0, ref.length, bytes.data()));
    return bytes;
  }
  std::string segment(uint32_t number) {
    char name[32];
    std::snprintf(name, sizeof name, "/chunks/%08x.chunks", number);
    return directory_.path() + name;
  }
  TemporaryDirectory directory_;
  ReaderRegistry readers_;
  std::atomic<Sequence> visible_{0};
  std::unique_ptr<ChunkLog> log_;
};

TEST_F(ChunkLogTest, ReadsBackWhatWasAppended) {
  const ChunkRef a = log_->append("hello").value();
  const ChunkRef b = log_->append(std::string(100'000, 'b')).value();
  EXPECT_EQ(read(a), "hello");
  EXPECT_EQ(read(b), std::string(100'000, 'b'));
  char part[3];
  ASSERT_TRUE(log_->read(a, 1, 3, part));
  EXPECT_EQ(std::string_view(part, 3), "ell");
  EXPECT_EQ(log_->bytes_used(), (1 + 25) * uint64_t{kChunkPageBytes});
}

TEST_F(ChunkLogTest, ChunksThatWillBeNeededAreReadAsBeforeAndThoseThatAreGoneAreNoError) {
  std::vector<ChunkRef> refs;
  for (const char each : std::string("abcd")) refs.push_back(log_->append(std::string(64 * 1024, each)).value());
  refs.push_back({.segment = 12'345, .page = 0, .length = 10, .crc32c = 0});
  log_->will_need(refs);
  log_->will_need({});
  EXPECT_EQ(read(refs[0]), std::string(64 * 1024, 'a'));
  EXPECT_EQ(read(refs[3]), std::string(64 * 1024, 'd'));
}

TEST_F(ChunkLogTest, ReadBeyondTheChunkIsOutOfRange) {
  const ChunkRef ref = log_->append("hello").value();
  char part[8];
  EXPECT_EQ(log_->read(ref, 3, 3, part).error().code, Errc::out_of_range);
  EXPECT_EQ(log_->read(ref, 6, 0, part).error().code, Errc::out_of_range);
}

TEST_F(ChunkLogTest, SizesOutOfRangeAreRefused) {
  EXPECT_EQ(log_->append("").error().code, Errc::invalid);
  EXPECT_EQ(log_->append(std::string(kChunkBytesMax + 1, 'x')).error().code, Errc::invalid);
}

TEST_F(ChunkLogTest, DamagedChunkIsReportedWithFileAndOffset) {
  log_->append("first").value();
  const ChunkRef ref = log_->append("hello").value();
  FILE* file = fopen(segment(ref.segment).c_str(), "r+");
  fseek(file, kChunkPageBytes, SEEK_SET);
  fputc('j', file);
  fclose(file);
  char bytes[5];
  const auto done = log_->read(ref, 0, 5, bytes);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::corrupt);
  EXPECT_NE(done.error().detail.find(segment(ref.segment)), std::string::npos);
  EXPECT_NE(done.error().detail.find("offset 4096"), std::string::npos);
  EXPECT_FALSE(log_->intact(ref));
}

TEST_F(ChunkLogTest, APartOfADamagedChunkIsNotServed) {
  const ChunkRef damaged = log_->append(std::string(20'000, 'x')).value();
  const ChunkRef whole = log_->append(std::string(20'000, 'y')).value();
  FILE* file = fopen(segment(damaged.segment).c_str(), "r+");
  fseek(file, 10'000, SEEK_SET);
  fputc('z', file);
  fclose(file);
  char bytes[100];
  EXPECT_EQ(log_->read(damaged, 9'950, 100, bytes).error().code, Errc::corrupt);
  EXPECT_EQ(log_->read(damaged, 0, 100, bytes).error().code, Errc::corrupt);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(log_->read(whole, 9'950, 100, bytes));
    EXPECT_EQ(std::string(bytes, 100), std::string(100, 'y'));
  }
}

TEST_F(ChunkLogTest, TheNumberOfASegmentThatIsMissingIsNotGivenOutAgain) {
  const ChunkRef lost = log_->append("lost").value();
  ASSERT_EQ(unlink(segment(lost.segment).c_str()), 0);
  open();
  ASSERT_TRUE(log_->retain_only([&](const ChunkStore::Keep& keep) {
    keep(lost);
    return Result<void>();
  }));
  const ChunkRef made = log_->append("made").value();
  EXPECT_NE(made.segment, lost.segment);
  log_->release({&lost, 1});
  EXPECT_EQ(read(made), "made");
}

TEST_F(ChunkLogTest, ReleasedChunksGiveTheirSpaceBack) {
  const ChunkRef kept = log_->append("kept").value();
  const ChunkRef gone = log_->append(std::string(1024 * 1024, 'x')).value();
  struct stat before {};
  ASSERT_TRUE(log_->sync());
  stat(segment(gone.segment).c_str(), &before);
  log_->release({&gone, 1});
  log_->release({&gone, 1});  // once more has no effect
  struct stat after {};
  stat(segment(gone.segment).c_str(), &after);
  EXPECT_LT(after.st_blocks, before.st_blocks);
  EXPECT_EQ(log_->bytes_used(), uint64_t{kChunkPageBytes});
  EXPECT_EQ(read(kept), "kept");
}

TEST_F(ChunkLogTest, SegmentsWithoutLiveChunksAreDeleted) {
  const std::string big(kChunkBytesMax, 'x');
  std::vector<ChunkRef> refs;
  while (refs.empty() || refs.back().segment == refs.front().segment) {
    refs.push_back(log_->append(big).value());
    if (refs.size() > 1) log_->release({&refs.back() - 1, 1});
  }
  EXPECT_EQ(log_->segments(), 1u);
  EXPECT_NE(access(segment(refs.front().segment).c_str(), F_OK), 0);
  EXPECT_EQ(read(refs.back()), big);
}

TEST_F(ChunkLogTest, CleanCloseKeepsTheMapOfLiveChunks) {
  const ChunkRef kept = log_->append("kept").value();
  const ChunkRef gone = log_->append("gone").value();
  log_->adopt({&kept, 1});
  log_->release({&gone, 1});
  ASSERT_TRUE(log_->close_cleanly(1));
  open();
  EXPECT_FALSE(log_->unclean());
  EXPECT_EQ(log_->bytes_used(), uint64_t{kChunkPageBytes});
  EXPECT_EQ(read(kept), "kept");
}

TEST_F(ChunkLogTest, AfterAnUncleanStopOnlyRetainedChunksStay) {
  const ChunkRef kept = log_->append("kept").value();
  log_->append(std::string(50'000, 'x')).value();
  const ChunkRef also_kept = log_->append("also kept").value();
  open();
  EXPECT_TRUE(log_->unclean());
  EXPECT_EQ(read(kept), "kept");
  const auto failed = log_->retain_only([](const auto&) { return Result<void>(Errc::io); });
  EXPECT_FALSE(failed);
  EXPECT_TRUE(log_->unclean());
  ASSERT_TRUE(log_->retain_only([&](const ChunkStore::Keep& keep) {
    keep(kept);
    keep(also_kept);
    return Result<void>();
  }));
  EXPECT_FALSE(log_->unclean());
  EXPECT_EQ(log_->bytes_used(), 2 * uint64_t{kChunkPageBytes});
  EXPECT_EQ(read(kept), "kept");
  EXPECT_EQ(read(also_kept), "also kept");
}

TEST_F(ChunkLogTest, SegmentsWithoutRetainedChunksAreDeleted) {
  const ChunkRef ref = log_->append("x").value();
  open();
  ASSERT_TRUE(log_->retain_only([](const auto&) { return Result<void>(); }));
  EXPECT_EQ(log_->segments(), 0u);
  EXPECT_NE(access(segment(ref.segment).c_str(), F_OK), 0);
}

TEST_F(ChunkLogTest, CleanMapIsTrustedOnlyOnce) {
  log_->append("x").value();
  ASSERT_TRUE(log_->close_cleanly(1));
  open();
  EXPECT_FALSE(log_->unclean());
  log_->append("y").value();
  open();
  EXPECT_TRUE(log_->unclean());
}

TEST_F(ChunkLogTest, AnOpeningThatDoesNotBeginLeavesTheCleanMap) {
  log_->append("x").value();
  ASSERT_TRUE(log_->close_cleanly(4711));
  for (int i = 0; i < 2; ++i) {
    log_ = ChunkLog::open(open_directory(directory_.path() + "/chunks").value(), readers_, visible_).value();
    EXPECT_TRUE(log_->closed_cleanly());
    EXPECT_EQ(log_->closed_at(), 4711u);
  }
}

TEST_F(ChunkLogTest, DamagedCleanMapCountsAsUnclean) {
  log_->append("x").value();
  ASSERT_TRUE(log_->close_cleanly(1));
  FILE* file = fopen((directory_.path() + "/chunks/CLEAN").c_str(), "r+");
  ASSERT_NE(file, nullptr);
  fseek(file, 20, SEEK_SET);
  fputc(0x7f, file);
  fclose(file);
  open();
  EXPECT_TRUE(log_->unclean());
}

TEST_F(ChunkLogTest, FrozenLogTakesNoChunksAndReclaimsNone) {
  const ChunkRef ref = log_->append("x").value();
  log_->freeze();
  EXPECT_EQ(log_->append("y").error().code, Errc::read_only);
  EXPECT_FALSE(log_->sync());
  log_->discard(ref);
  EXPECT_EQ(read(ref), "x");
}

TEST_F(ChunkLogTest, ThreadsAppendAndReadAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string bytes(static_cast<size_t>(1 + 997 * i), static_cast<char>('a' + t));
        const ChunkRef ref = log_->append(bytes).value();
        EXPECT_EQ(read(ref), bytes);
        if (i % 10 == 0) {
          EXPECT_TRUE(log_->sync());
        }
        if (i % 2 == 0) log_->discard(ref);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kvfs
