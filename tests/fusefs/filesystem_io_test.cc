#include <linux/falloc.h>

#include <limits>
#include <random>

#include "fusefs/attributes.h"
#include "fusefs/errno.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

using FilesystemIoTest = FilesystemTest;

TEST_F(FilesystemIoTest, WhatIsWrittenIsSeenHereAtOnceAndElsewhereAtClose) {
  auto writer = create(collection_, "f");
  write(*writer, 0, "hello");
  auto reader = open(writer->file->inode, O_RDONLY);
  EXPECT_EQ(read(*reader, 0, 10), "hello");
  EXPECT_EQ(stat_of(writer->file->inode).st_size, 5);
  EXPECT_EQ(value_of("f"), "");
  ASSERT_TRUE(close(std::move(writer)));
  EXPECT_EQ(value_of("f"), "hello");
  ASSERT_TRUE(close(std::move(reader)));
}

TEST_F(FilesystemIoTest, SyncPublishes) {
  auto handle = create(collection_, "f");
  write(*handle, 0, "hello");
  ASSERT_TRUE(fs().sync(*handle));
  EXPECT_EQ(value_of("f"), "hello");
  write(*handle, 5, " world");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("f"), "hello world");
}

TEST_F(FilesystemIoTest, AFlushWithNothingStagedMakesNoChange) {
  const Inode inode = write_file(collection_, "f", "x");
  auto handle = open(inode);
  const uint64_t before = store_->feed().last();
  ASSERT_TRUE(fs().flush(*handle));
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(store_->feed().last(), before);
}

TEST_F(FilesystemIoTest, TruncatingAndRewritingNeverShowsAnEmptyValueElsewhere) {
  const Inode inode = write_file(collection_, "f", "old");
  auto handle = open(inode, O_WRONLY | O_TRUNC);
  EXPECT_EQ(stat_of(inode).st_size, 0);
  ASSERT_TRUE(fs().flush(*handle));  // the shell's first close, of the descriptor it duplicated
  EXPECT_EQ(value_of("f"), "old");
  write(*handle, 0, "new");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("f"), "new");
}

TEST_F(FilesystemIoTest, ALateReleaseDoesNotPublishHalfOfWhatAnotherHandleWrites) {
  const Inode inode = write_file(collection_, "f", "first");
  auto flushed = open(inode, O_WRONLY | O_TRUNC);
  write(*flushed, 0, "second");
  ASSERT_TRUE(fs().flush(*flushed));
  auto writing = open(inode, O_WRONLY | O_TRUNC);
  fs().release(std::move(flushed));  // the kernel sends it some time after close(2)
  EXPECT_EQ(value_of("f"), "second");
  write(*writing, 0, "third");
  ASSERT_TRUE(close(std::move(writing)));
  EXPECT_EQ(value_of("f"), "third");
}

TEST_F(FilesystemIoTest, AFlushOfAHandleThatWroteNothingPublishesNothing) {
  const Inode inode = write_file(collection_, "f", "whole");
  auto writing = open(inode);
  auto idle = open(inode);
  write(*writing, 0, "half ");
  ASSERT_TRUE(fs().flush(*idle));
  EXPECT_EQ(value_of("f"), "whole");
  write(*idle, 5, "of it");
  ASSERT_TRUE(fs().flush(*idle));
  EXPECT_EQ(value_of("f"), "half of it");
  write(*writing, 0, "more");
  ASSERT_TRUE(fs().flush(*idle));  // what it wrote is published already
  EXPECT_EQ(value_of("f"), "half of it");
  ASSERT_TRUE(close(std::move(writing)));
  EXPECT_EQ(value_of("f"), "more of it");
  fs().release(std::move(idle));
}

TEST_F(FilesystemIoTest, AnyFlushPublishesWhatBelongsToNoHandle) {
  const Inode inode = write_file(collection_, "f", "123456");
  auto mapped = open(inode);
  auto other = open(inode);
  ASSERT_TRUE(fs().write(*other, 0, "page", kRoot, Writing::from_mapping));  // whichever handle the kernel has
  ASSERT_TRUE(fs().flush(*mapped));
  EXPECT_EQ(value_of("f"), "page56");
  AttributeRequest cut;
  cut.size = 2;
  ASSERT_TRUE(fs().set_attributes(inode, cut, kRoot));
  ASSERT_TRUE(fs().flush(*mapped));
  EXPECT_EQ(value_of("f"), "pa");
  fs().release(std::move(mapped));
  fs().release(std::move(other));
}

TEST_F(FilesystemIoTest, WhatSeveralHandlesStagedIsPublishedByTheLastRelease) {
  const Inode inode = write_file(collection_, "f", "....");
  auto first = open(inode);
  auto second = open(inode);
  write(*first, 0, "a");
  fs().release(std::move(first));
  fs().release(std::move(second));
  EXPECT_EQ(value_of("f"), "a...");
}

TEST_F(FilesystemIoTest, TruncatingAloneIsPublishedAtTheLatestOnRelease) {
  const Inode inode = write_file(collection_, "f", "old");
  ASSERT_TRUE(close(open(inode, O_WRONLY | O_TRUNC)));
  EXPECT_EQ(value_of("f"), "");
}

TEST_F(FilesystemIoTest, AppendsGoToTheEndWhateverOffsetTheKernelThinksItIs) {
  const Inode inode = write_file(collection_, "f", "one");
  auto handle = open(inode, O_WRONLY | O_APPEND);
  write(*handle, 0, "two");
  write(*handle, 1, "three");
  ASSERT_TRUE(fs().write(*handle, 0, "O", kRoot, Writing::from_mapping));  // of another descriptor's mapping
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("f"), "Onetwothree");
}

TEST_F(FilesystemIoTest, TwoWritersOfOneFileShareWhatTheyWrote) {
  const Inode inode = write_file(collection_, "f", "....");
  auto first = open(inode);
  auto second = open(inode);
  write(*first, 0, "a");
  write(*second, 3, "z");
  EXPECT_EQ(read(*first, 0, 10), "a..z");
  ASSERT_TRUE(close(std::move(first)));
  EXPECT_EQ(value_of("f"), "a..z");
  write(*second, 1, "b");
  ASSERT_TRUE(close(std::move(second)));
  EXPECT_EQ(value_of("f"), "ab.z");
}

TEST_F(FilesystemIoTest, WhatIsNoTextOfTheTypeIsDroppedByTheCloseThatSaysSo) {
  std::vector<Inode> dropped;
  FilesystemOptions options;
  options.data_lost = [&](Inode inode) { dropped.push_back(inode); };
  open_filesystem(std::move(options));
  const Inode inode = write_file(collection_, "n", "6");
  ASSERT_TRUE(fs().set_xattr(inode, "user.kvfs.type", "counter", 0, kRoot));
  auto first = open(inode, O_WRONLY | O_APPEND);
  auto second = open(inode, O_WRONLY | O_APPEND);
  write(*first, 2, "+1\n");
  write(*second, 5, "many\n");
  EXPECT_EQ(to_errno(fs().flush(*second).error().code), EINVAL);
  EXPECT_EQ(dropped, std::vector<Inode>{inode});
  auto reader = open(inode, O_RDONLY);  // the kernel has not released the others yet
  EXPECT_EQ(read(*reader, 0, 10), "6\n");
  const auto other = fs().flush(*first);
  ASSERT_FALSE(other) << "what it wrote is lost, too";
  EXPECT_EQ(to_errno(other.error().code), EINVAL);
  write(*first, 0, "+2\n");
  EXPECT_TRUE(close(std::move(first)));
  EXPECT_FALSE(close(std::move(second)));
  EXPECT_EQ(read(*reader, 0, 10), "8\n");
}

TEST_F(FilesystemIoTest, AModificationTimeSetBeforeCloseSurvivesIt) {
  auto handle = create(collection_, "f");
  const Inode inode = handle->file->inode;
  write(*handle, 0, "x");
  AttributeRequest request;
  request.mtime_ns = 1'234'567'890'123'456'789;
  ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(stat_of(inode).st_mtim.tv_sec, 1'234'567'890);
  EXPECT_EQ(stat_of(inode).st_mtim.tv_nsec, 123'456'789);
}

TEST_F(FilesystemIoTest, TimesBeyondWhatCanBeKeptAreTheNearestOnes) {
  constexpr int64_t kEver = int64_t{1} << 62;
  EXPECT_EQ(to_ns({kEver, 5}), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(to_ns({-kEver, 5}), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(to_ns({9'223'372'036, 854'775'808}), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(to_ns({-9'223'372'037, 145'224'192}), std::numeric_limits<int64_t>::min());
  for (const timespec time : {timespec{8'589'934'592, 999'999'999}, timespec{-9'223'372'036, 1}, timespec{-1, 500}}) {
    EXPECT_EQ(to_timespec(to_ns(time)).tv_sec, time.tv_sec);
    EXPECT_EQ(to_timespec(to_ns(time)).tv_nsec, time.tv_nsec);
  }
}

TEST_F(FilesystemIoTest, ClosingDoesNotMoveTimesThatWereSeenBefore) {
  auto handle = create(collection_, "f");
  const Inode inode = handle->file->inode;
  write(*handle, 0, "x");
  const struct stat before = stat_of(inode);
  ASSERT_TRUE(close(std::move(handle)));
  const struct stat after = stat_of(inode);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(after.st_ctim.tv_sec, before.st_ctim.tv_sec);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
}

TEST_F(FilesystemIoTest, TruncateWithoutAHandleIsPublishedAtOnce) {
  const Inode inode = write_file(collection_, "f", "hello");
  AttributeRequest request;
  request.size = 2;
  ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
  EXPECT_EQ(value_of("f"), "he");
  request.size = 4;
  ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
  EXPECT_EQ(value_of("f"), std::string("he\0\0", 4));
  request.size = 0;
  ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
  EXPECT_EQ(value_of("f"), "");
}

TEST_F(FilesystemIoTest, WritingByAnotherUserTakesSetuidAway) {
  const Inode inode = write_file(collection_, "f", "x");
  AttributeRequest request;
  request.mode = 06755;
  ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
  auto handle = open(inode);
  ASSERT_TRUE(fs().write(*handle, 0, "y", Caller{1000, 1000}));
  EXPECT_EQ(stat_of(inode).st_mode & 07777, 0755u);
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(stat_of(inode).st_mode & 07777, 0755u);
}

// The last writer wins, to the byte: what he wrote is laid over what another door has put there meanwhile.
TEST_F(FilesystemIoTest, PartsOfALargeValueAreLaidOverAnotherDoorsValueToTheByte) {
  const Inode inode = write_file(collection_, "f", std::string(300'000, 'a'));
  for (const size_t bytes :
       {size_t{300'000}, size_t{250'000}, size_t{100'003}, size_t{99'000}, size_t{5}, size_t{500'000}}) {
    auto handle = open(inode);
    write(*handle, 100'000, "changed");
    write(*handle, 65'530, "over two chunks");
    std::string expected(bytes, static_cast<char>('b' + bytes % 20));
    put_value("f", expected);
    ASSERT_TRUE(close(std::move(handle))) << bytes;
    expected.resize(std::max<size_t>(bytes, 100'007));
    expected.replace(100'000, 7, "changed").replace(65'530, 15, "over two chunks");
    EXPECT_TRUE(value_of("f") == expected) << bytes;
    put_value("f", std::string(300'000, 'a'));
  }
}

TEST_F(FilesystemIoTest, ASizeThatWasSetStaysAlsoOverAnotherDoorsValue) {
  const Inode inode = write_file(collection_, "f", std::string(300'000, 'a'));
  auto handle = open(inode);
  write(*handle, 70'000, "changed");
  AttributeRequest grown;
  grown.size = 400'000;
  ASSERT_TRUE(fs().set_attributes(inode, grown, kRoot));
  std::string expected(500'000, 'b');
  put_value("f", expected);
  ASSERT_TRUE(close(std::move(handle)));
  expected.resize(400'000);
  expected.replace(70'000, 7, "changed");
  EXPECT_TRUE(value_of("f") == expected);
}

TEST_F(FilesystemIoTest, SparseFilesReadAsZerosAndTellTheirHoles) {
  auto handle = create(collection_, "f");
  write(*handle, 10 * kChunkBytes, "end");
  ASSERT_TRUE(fs().flush(*handle));
  EXPECT_EQ(read(*handle, 5 * kChunkBytes, 4), std::string(4, '\0'));
  EXPECT_EQ(*fs().seek(*handle, 0, SEEK_DATA), 10 * kChunkBytes);
  EXPECT_EQ(*fs().seek(*handle, 0, SEEK_HOLE), 0u);
  EXPECT_LT(stat_of(handle->file->inode).st_blocks, 200);
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemIoTest, HolesAreToldBeforeTheFileIsPublished) {
  const auto data = [&](FileHandle& handle, uint64_t from) {
    const auto at = fs().seek(handle, from * kChunkBytes, SEEK_DATA);
    return at ? *at / kChunkBytes : UINT64_MAX;
  };
  const auto hole = [&](FileHandle& handle, uint64_t from) {
    return *fs().seek(handle, from * kChunkBytes, SEEK_HOLE) / kChunkBytes;
  };
  auto handle = create(collection_, "f");
  write(*handle, 10 * kChunkBytes, std::string(2 * kChunkBytes, 'x'));
  AttributeRequest longer;
  longer.size = 20 * kChunkBytes;
  const Inode inode = handle->file->inode;
  ASSERT_TRUE(fs().set_attributes(inode, longer, kRoot));
  for (const bool published : {false, true}) {
    if (published) {
      ASSERT_TRUE(fs().flush(*handle));
    }
    EXPECT_EQ(data(*handle, 0), 10u) << published;
    EXPECT_EQ(hole(*handle, 0), 0u) << published;
    EXPECT_EQ(hole(*handle, 10), 12u) << published;
    EXPECT_EQ(data(*handle, 12), UINT64_MAX) << published;
    EXPECT_EQ(fs().seek(*handle, 20 * kChunkBytes, SEEK_HOLE).error().code, Errc::out_of_range) << published;
  }
  // Over a published value: a hole punched into it, and data in one of its holes.
  ASSERT_TRUE(fs().allocate(*handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10 * kChunkBytes, kChunkBytes, kRoot));
  write(*handle, 15 * kChunkBytes, "y");
  EXPECT_EQ(data(*handle, 0), 11u);
  EXPECT_EQ(hole(*handle, 11), 12u);
  EXPECT_EQ(data(*handle, 12), 15u);
  EXPECT_EQ(hole(*handle, 15), 16u);
  EXPECT_EQ(data(*handle, 16), UINT64_MAX);
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemIoTest, MemoryStaysWithinTheLimits) {
  FilesystemOptions options;
  options.staging.memory_per_file_bytes_max = 3 * kChunkBytes;
  open_filesystem(std::move(options));
  auto handle = create(collection_, "f");
  std::string model;
  for (int i = 0; i < 1000; i++) {
    const std::string part(1000, static_cast<char>('a' + i % 26));
    write(*handle, model.size(), part);
    model += part;
    ASSERT_LE(stats_number("mount_staged_memory_bytes"), 3 * kChunkBytes);
  }
  EXPECT_EQ(stats_number("mount_dirty_bytes"), model.size());
  EXPECT_EQ(read(*handle, 0, model.size() + 1), model);
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("f"), model);
  EXPECT_EQ(stats_number("mount_dirty_bytes"), 0u);
}

TEST_F(FilesystemIoTest, AFileThatGrowsPastTheLimitIsPublishedBeforeClose) {
  FilesystemOptions options;
  options.staging.publish_bytes = 100'000;
  open_filesystem(std::move(options));
  auto handle = create(collection_, "f");
  write(*handle, 0, std::string(100'000, 'x'));
  EXPECT_EQ(value_of("f").size(), 100'000u);
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemIoTest, CopiesRanges) {
  const std::string bytes = std::string(200'000, 'a') + "tail";
  auto from = open(write_file(collection_, "from", bytes));
  auto to = create(collection_, "to");
  EXPECT_EQ(*fs().copy_range(*from, 10, *to, 0, 1 << 30, kRoot), bytes.size() - 10);
  ASSERT_TRUE(close(std::move(to)));
  EXPECT_EQ(value_of("to"), bytes.substr(10));
  ASSERT_TRUE(close(std::move(from)));
}

TEST_F(FilesystemIoTest, PublishAllLosesNothing) {
  auto handle = create(collection_, "f");
  write(*handle, 0, "staged");
  fs().publish_all();
  EXPECT_EQ(value_of("f"), "staged");
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemIoTest, BlocksThatTheKernelMayRememberAreThoseOfThePublishedFile) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  FilesystemOptions options;
  options.staging.memory_per_file_bytes_max = 4 * kChunkBytes;
  open_filesystem(std::move(options));
  int remembered = 0;
  for (int round = 0; round < 300; round++) {
    SCOPED_TRACE("round " + std::to_string(round));
    const size_t size = random() % (8 * kChunkBytes);
    const Inode inode = write_file(collection_, "f" + std::to_string(round), std::string(size, 'x'));
    for (int again = 0; again < 3; again++) {
      auto handle = open(inode);
      for (uint64_t change = random() % 4; change <= 4; change++) {
        const uint64_t anywhere = random() % (10 * kChunkBytes);
        const uint64_t at = random() % 2 == 0 ? anywhere : anywhere / kChunkBytes * kChunkBytes;
        const uint64_t length = random() % (2 * kChunkBytes) + 1;
        AttributeRequest resized;
        resized.size = at;
        switch (random() % 4) {
          case 0:
            ASSERT_TRUE(fs().set_attributes(inode, resized, kRoot));
            break;
          case 1:
            ASSERT_TRUE(fs().allocate(*handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length, kRoot));
            break;
          default:
            write(*handle, at, std::string(length, 'y'));
        }
      }
      const auto told = fs().attributes(inode);
      ASSERT_TRUE(told);
      ASSERT_TRUE(close(std::move(handle)));
      if (told->timeout_s == 0) continue;
      remembered++;
      ASSERT_EQ(told->stat.st_blocks, stat_of(inode).st_blocks);
    }
  }
  EXPECT_GT(remembered, 100);
}

/// Random operations on one file through several handles, against a string.
TEST_F(FilesystemIoTest, BehavesAsAStringUnderRandomOperations) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  FilesystemOptions options;
  options.staging.memory_per_file_bytes_max = 2 * kChunkBytes;
  options.staging.publish_bytes = 10 * kChunkBytes;
  open_filesystem(std::move(options));
  std::string model;
  const Inode inode = write_file(collection_, "f", "");
  std::vector<std::unique_ptr<FileHandle>> handles;
  handles.push_back(open(inode));
  const auto offset = [&] {
    const uint64_t limit = random() % 4 == 0 ? 12 * kChunkBytes : 3000;
    const uint64_t near = (random() % 4) * kChunkBytes;
    return random() % 2 == 0 ? random() % limit : near + random() % 3;
  };
  for (int i = 0; i < 3000; i++) {
    FileHandle& handle = *handles[random() % handles.size()];
    switch (random() % 12) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const uint64_t at = offset();
        const std::string bytes(random() % (random() % 8 == 0 ? 3 * kChunkBytes : 5000) + 1,
                                static_cast<char>('a' + random() % 26));
        write(handle, at, bytes);
        if (model.size() < at + bytes.size()) model.resize(at + bytes.size(), '\0');
        model.replace(at, bytes.size(), bytes);
        break;
      }
      case 4: {
        AttributeRequest request;
        request.size = offset();
        ASSERT_TRUE(fs().set_attributes(inode, request, kRoot));
        model.resize(*request.size, '\0');
        break;
      }
      case 5: {
        const uint64_t at = offset();
        const uint64_t length = offset() + 1;
        ASSERT_TRUE(fs().allocate(handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length, kRoot));
        for (uint64_t k = at; k < std::min<uint64_t>(at + length, model.size()); k++) model[k] = '\0';
        break;
      }
      case 6: {
        const uint64_t at = offset();
        ASSERT_TRUE(fs().allocate(handle, 0, at, 100, kRoot));
        if (model.size() < at + 100) model.resize(at + 100, '\0');
        break;
      }
      case 7:
        for (const auto& each : handles) ASSERT_TRUE(fs().flush(*each));
        ASSERT_TRUE(value_of("f") == model);
        break;
      case 8:
        if (handles.size() < 3) handles.push_back(open(inode));
        break;
      case 9:
        if (handles.size() > 1) {
          ASSERT_TRUE(close(std::move(handles.back())));
          handles.pop_back();
        }
        break;
      default: {
        const uint64_t at = offset();
        const size_t length = random() % (3 * kChunkBytes);
        ASSERT_EQ(read(handle, at, length), at < model.size() ? model.substr(at, length) : "") << "step " << i;
        ASSERT_EQ(stat_of(inode).st_size, static_cast<off_t>(model.size()));
      }
    }
  }
  for (auto& handle : handles) ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("f"), model);
}

}  // namespace
}  // namespace kvfs
