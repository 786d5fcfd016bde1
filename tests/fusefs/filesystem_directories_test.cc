#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

class FilesystemDirectoriesTest : public FilesystemTest {
 protected:
  std::string numbered(size_t i) {
    std::string digits = std::to_string(i);
    return "n" + std::string(6 - digits.size(), '0') + digits;
  }
  void fill(size_t count) {
    for (size_t i = 0; i < count; i++) put_value(numbered(i), "x");
  }
  /// Reads at most `room` names from `offset` on; `offset` becomes where to go on.
  std::vector<std::string> read_some(DirectoryHandle& handle, uint64_t& offset, size_t room) {
    std::vector<std::string> names;
    const auto done =
        fs().read_directory(handle, offset, false, [&](std::string_view name, const Node&, uint64_t next) {
          if (names.size() == room) return false;
          names.emplace_back(name);
          offset = next;
          return true;
        });
    EXPECT_TRUE(done);
    return names;
  }
};

TEST_F(FilesystemDirectoriesTest, ListsEveryNameOnceWhateverFitsIntoAnAnswer) {
  fill(200);
  directory(collection_, "n000100.d");
  for (const size_t room : {1, 2, 7, 1000}) {
    const auto names = names_in(collection_, room);
    EXPECT_EQ(names.size(), 201u);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 201u);
  }
}

TEST_F(FilesystemDirectoriesTest, RemovingWhileReadingSkipsNothing) {
  fill(500);
  auto handle = fs().open_directory(collection_);
  uint64_t offset = 0;
  size_t removed = 0;
  for (;;) {
    const auto names = read_some(**handle, offset, 7);
    if (names.empty()) break;
    for (const std::string& name : names) {
      if (name[0] == '.') continue;
      ASSERT_TRUE(fs().unlink(collection_, name)) << name;
      removed++;
    }
  }
  EXPECT_EQ(removed, 500u);
  EXPECT_TRUE(names_in(collection_).empty());
}

// The kernel reads on with another handle where its own copy of a listing ends early; an NFS server always does.
TEST_F(FilesystemDirectoriesTest, AnotherHandleGoesOnWhereOneWasThoughAllBeforeIsRemoved) {
  fill(500);
  uint64_t offset = 0;
  size_t removed = 0;
  for (;;) {
    auto handle = fs().open_directory(collection_);
    const auto names = read_some(**handle, offset, 7);
    if (names.empty()) break;
    for (const std::string& name : names)
      if (name[0] != '.' && fs().unlink(collection_, name)) removed++;
  }
  EXPECT_EQ(removed, 500u);
}

TEST_F(FilesystemDirectoriesTest, OffsetsAreThoseOfEntriesForEveryHandleAndAfterAnotherMount) {
  fill(300);
  uint64_t offset = 0;
  auto first = fs().open_directory(collection_);
  read_some(**first, offset, 100);
  const auto expected = read_some(**first, offset, 1);
  offset = 0;
  read_some(**first, offset, 100);
  open_filesystem({});  // nothing is remembered
  auto other = fs().open_directory(collection_);
  EXPECT_EQ(read_some(**other, offset, 1), expected);
}

TEST_F(FilesystemDirectoriesTest, AnOffsetStandsForItsEntryAlsoWhenReadAgain) {
  fill(300);
  auto handle = fs().open_directory(collection_);
  uint64_t offset = 0;
  std::vector<std::pair<uint64_t, std::string>> following;  // offset -> the name found there
  for (;;) {
    const uint64_t at = offset;
    const auto names = read_some(**handle, offset, 3);
    if (names.empty()) break;
    following.emplace_back(at, names.front());
  }
  std::mt19937 random(7);
  std::shuffle(following.begin(), following.end(), random);
  for (const auto& [at, name] : following) {
    uint64_t again = at;
    const auto names = read_some(**handle, again, 1);
    ASSERT_FALSE(names.empty());
    EXPECT_EQ(names.front(), name) << "offset " << at;
  }
}

TEST_F(FilesystemDirectoriesTest, ReadingFromTheStartSeesTheDirectoryAsItIsNow) {
  fill(3);
  auto handle = fs().open_directory(collection_);
  uint64_t offset = 0;
  EXPECT_EQ(read_some(**handle, offset, 100).size(), 5u);
  put_value("a", "x");
  offset = 0;
  EXPECT_EQ(read_some(**handle, offset, 100).size(), 6u);
}

TEST_F(FilesystemDirectoriesTest, NodesGivenAreRememberedAndNodesRefusedAreNot) {
  fill(10);
  auto handle = fs().open_directory(collection_);
  const size_t before = fs().nodes().size();
  size_t room = 6;
  std::vector<Inode> given;
  ASSERT_TRUE(fs().read_directory(**handle, 0, true, [&](std::string_view name, const Node& node, uint64_t) {
    if (room-- == 0) return false;
    if (name[0] != '.') {
      given.push_back(node.inode);
      EXPECT_EQ(node.attributes.st_size, 1);
    }
    return true;
  }));
  EXPECT_EQ(fs().nodes().size(), before + 4);
  for (const Inode inode : given) fs().forget(inode, 1);
  EXPECT_EQ(fs().nodes().size(), before);
}

TEST_F(FilesystemDirectoriesTest, ASizeAlreadyWrittenBeyondIsNotToldThoughTheFileIsPublishedMeanwhile) {
  put_value("a", "x");
  write_file(collection_, "f", "short");
  auto writer = open(inode_of(collection_, "f"));
  write(*writer, 0, "much longer");
  auto handle = fs().open_directory(collection_);
  off_t told = -1;
  ASSERT_TRUE(fs().read_directory(**handle, 0, true, [&](std::string_view name, const Node& node, uint64_t) {
    // The listing has read the store before; what it is to tell of "f" is published now.
    if (name == "a") std::thread([&] { EXPECT_TRUE(close(std::move(writer))); }).join();
    if (name == "f") told = node.attributes.st_size;
    return true;
  }));
  EXPECT_EQ(told, 11);
}

TEST_F(FilesystemDirectoriesTest, StatisticsOfATenantAreItsQuota) {
  const auto done = store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_bytes = 1 << 20;
    set_settings(txn, tenant_, settings);
    return {};
  });
  ASSERT_TRUE(done);
  put_value("f", std::string(8192, 'x'));
  const auto st = fs().statistics(inode_of(collection_, "f"));
  ASSERT_TRUE(st);
  EXPECT_EQ(st->f_blocks * st->f_frsize, uint64_t{1} << 20);
  EXPECT_EQ((st->f_blocks - st->f_bfree) * st->f_frsize, 8192u);
  EXPECT_NE(fs().statistics(kRootDir)->f_blocks, st->f_blocks);
}

TEST_F(FilesystemDirectoriesTest, ACollectionThatDemandsConditionsOverHttpTakesFiles) {
  put_value("f", "old");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.require_preconditions = true;
    set_settings(txn, collection_, settings);
    return {};
  }));
  auto handle = create(collection_, "g");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_TRUE(fs().rename(collection_, "g", collection_, "f", RenameFlag::none));
  EXPECT_TRUE(fs().unlink(collection_, "f"));
}

TEST_F(FilesystemDirectoriesTest, AnAllocationThatCanNeverFitIsRefused) {
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_bytes = 1 << 20;
    set_settings(txn, tenant_, settings);
    return {};
  }));
  auto handle = create(collection_, "f");
  EXPECT_EQ(fs().allocate(*handle, 0, 0, 2 << 20, kRoot).error().code, Errc::quota_exceeded);
  EXPECT_EQ(fs().allocate(*handle, 0, 0, (1 << 20) + 1, kRoot).error().code, Errc::quota_exceeded);
  EXPECT_EQ(fs().allocate(*handle, 0, kValueBytesMax, 1, kRoot).error().code, Errc::value_too_large);
  EXPECT_TRUE(fs().allocate(*handle, 0, 0, 1 << 19, kRoot));
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemDirectoriesTest, WritingBeyondTheQuotaFailsAtCloseAndLosesTheOldValueNot) {
  write_file(collection_, "f", "old");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_bytes = 1000;
    set_settings(txn, tenant_, settings);
    return {};
  }));
  auto handle = open(inode_of(collection_, "f"), O_WRONLY | O_TRUNC);
  write(*handle, 0, std::string(5000, 'x'));
  EXPECT_EQ(fs().flush(*handle).error().code, Errc::quota_exceeded);
  EXPECT_EQ(value_of("f"), "old");
  fs().release(std::move(handle));
  EXPECT_EQ(value_of("f"), "old");
}

}  // namespace
}  // namespace kvfs
