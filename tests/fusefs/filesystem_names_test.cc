#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

using FilesystemNamesTest = FilesystemTest;

TEST_F(FilesystemNamesTest, FilesLiveOnlyBelowCollections) {
  EXPECT_EQ(fs().create(kRootDir, "f", 0644, O_RDWR, kRoot).error().code, Errc::not_permitted);
  EXPECT_EQ(fs().create(tenant_, "f", 0644, O_RDWR, kRoot).error().code, Errc::not_permitted);
  EXPECT_TRUE(fs().create(collection_, "f", 0644, O_RDWR, kRoot));
}

TEST_F(FilesystemNamesTest, AnAbsentNameIsANegativeNodeThatMayBeRemembered) {
  const auto found = fs().lookup(collection_, "absent");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->inode, 0u);
  EXPECT_GT(found->entry_timeout_s, 1000);
}

TEST_F(FilesystemNamesTest, KeysThatAreNoFileNamesAppearEscaped) {
  put_value("http://example.com/x", "1");
  put_value("a/../b", "2");
  put_value(std::string("nul\0key", 7), "3");
  put_value(".", "4");
  const Inode http = inode_of(collection_, "http:");
  ASSERT_NE(http, 0u);
  const Inode empty = inode_of(http, "%:");
  ASSERT_NE(empty, 0u);
  const Inode host = inode_of(empty, "example.com");
  EXPECT_NE(inode_of(host, "x"), 0u);
  EXPECT_NE(inode_of(inode_of(inode_of(collection_, "a"), "%:.."), "b"), 0u);
  EXPECT_NE(inode_of(collection_, "%:nul%00key"), 0u);
  EXPECT_NE(inode_of(collection_, "%:."), 0u);
  EXPECT_EQ(fs().lookup(collection_, "%:x").error().code, Errc::invalid);
  EXPECT_EQ(names_in(collection_), (std::vector<std::string>{"%:.", "a", "http:", "%:nul%00key"}));
}

TEST_F(FilesystemNamesTest, AnInodeNumberAloneLeadsToItsFileAsLongAsItExists) {
  const Inode inode = write_file(collection_, "file", "content");
  const auto by_number = [&] {
    const auto found = fs().lookup(inode, ".");
    if (found) fs().forget(inode, 1);
    return found ? found->inode : 0;
  };
  fs().forget(inode, 1);
  EXPECT_EQ(by_number(), inode);
  EXPECT_EQ(by_number(), inode);
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) {
    return rename(txn, {collection_, "file", false}, {collection_, "moved", false}, RenameMode::replace);
  }));
  EXPECT_EQ(by_number(), inode);
  open_filesystem({});
  EXPECT_EQ(by_number(), inode);
  ASSERT_TRUE(fs().unlink(collection_, "moved"));
  EXPECT_EQ(fs().lookup(inode, ".").error().code, Errc::stale);
  EXPECT_EQ(fs().lookup(inode, ".").error().code, Errc::stale);
}

TEST_F(FilesystemNamesTest, AFileOutlivesTheDirectoryOfTheNameItWasLastSeenUnder) {
  const Inode kept = directory(collection_, "kept");
  const Inode gone = directory(collection_, "gone");
  const Inode inode = write_file(kept, "f", "old");
  ASSERT_TRUE(fs().make_link(inode, gone, "f"));
  auto handle = open(inode);
  ASSERT_TRUE(fs().unlink(gone, "f"));
  ASSERT_TRUE(fs().remove_directory(collection_, "gone"));
  write(*handle, 0, "new");
  EXPECT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("kept/f"), "new");
  EXPECT_TRUE(fs().set_xattr(inode, "user.a", "1", 0, kRoot));
  EXPECT_TRUE(fs().make_link(inode, kept, "g"));
  EXPECT_EQ(stat_of(inode).st_nlink, 2u);
}

TEST_F(FilesystemNamesTest, AFileOfWhichNoOtherNameIsKnownIsSearchedFor) {
  const Inode gone = directory(collection_, "gone");
  const Inode inode = write_file(gone, "f", "old");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    const auto file = find_inode(txn, inode, {gone, "f", false});
    if (!file) return file.error();
    const auto made = link(txn, *file, collection_, "name of another door");
    if (!made) return made.error();
    if (auto ok = kvfs::unlink(txn, {gone, "f", false}); !ok) return ok;
    return kvfs::remove_directory(txn, collection_, "gone");
  }));
  EXPECT_TRUE(fs().make_link(inode, collection_, "g"));
  EXPECT_EQ(stat_of(inode).st_nlink, 2u);
}

TEST_F(FilesystemNamesTest, AFileMadeUnderAnEscapedNameIsTheKeyItStandsFor) {
  write_file(collection_, "%:..", "dots");
  EXPECT_EQ(value_of(".."), "dots");
}

TEST_F(FilesystemNamesTest, AKeyThatIsAlsoADirectoryIsItsOwnValueFile) {
  put_value("a", "value of a");
  put_value("a/b", "value of b");
  const auto a = fs().lookup(collection_, "a");
  ASSERT_TRUE(a);
  EXPECT_TRUE(S_ISDIR(a->attributes.st_mode));
  const Inode own = inode_of(a->inode, "%:value");
  ASSERT_NE(own, 0u);
  auto handle = open(own);
  EXPECT_EQ(read(*handle, 0, 100), "value of a");
  write(*handle, 0, "Value");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(value_of("a"), "Value of a");
  EXPECT_EQ(names_in(a->inode), (std::vector<std::string>{"%:value", "b"}));
  ASSERT_TRUE(fs().unlink(a->inode, "%:value"));
  EXPECT_EQ(value_of("a"), "<absent>");
  EXPECT_EQ(value_of("a/b"), "value of b");
}

TEST_F(FilesystemNamesTest, MakingTheOwnValueFileGivesTheDirectorysKeyAValue) {
  const Inode a = directory(collection_, "a");
  auto created = fs().create(a, "%:value", 0640, O_RDWR, Caller{7, 8});
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_EQ(created->node.attributes.st_mode, static_cast<mode_t>(S_IFREG | 0640));
  EXPECT_EQ(created->node.attributes.st_uid, 7u);
  write(*created->opened.handle, 0, "own");
  ASSERT_TRUE(close(std::move(created->opened.handle)));
  EXPECT_EQ(value_of("a"), "own");
  EXPECT_EQ(fs().create(a, "%:value", 0640, O_RDWR | O_EXCL, kRoot).error().code, Errc::exists);
  EXPECT_EQ(fs().make_directory(a, "%:value", 0755, kRoot).error().code, Errc::not_permitted);
  EXPECT_EQ(fs().create(collection_, "%:value", 0644, O_RDWR, kRoot).error().code, Errc::not_permitted);
}

TEST_F(FilesystemNamesTest, ATemporaryFileIsRenamedOverTheOwnValue) {
  const Inode a = directory(collection_, "a");
  write_file(a, "tmp", "own");
  ASSERT_TRUE(fs().rename(a, "tmp", a, "%:value", RenameFlag::none));
  EXPECT_EQ(value_of("a"), "own");
}

TEST_F(FilesystemNamesTest, ADirectoryEmptiedThroughTheMountStaysUntilItIsRemoved) {
  put_value("d/e/f", "x");
  const Inode d = inode_of(collection_, "d");
  const Inode e = inode_of(d, "e");
  ASSERT_TRUE(fs().unlink(e, "f"));
  ASSERT_TRUE(fs().remove_directory(d, "e"));
  ASSERT_TRUE(fs().remove_directory(collection_, "d"));
  EXPECT_EQ(inode_of(collection_, "d"), 0u);
}

TEST_F(FilesystemNamesTest, RenameReplacesInOneStep) {
  write_file(collection_, "old", "old");
  const Inode fresh = write_file(collection_, "tmp", "new");
  ASSERT_TRUE(fs().rename(collection_, "tmp", collection_, "old", RenameFlag::none));
  EXPECT_EQ(value_of("old"), "new");
  EXPECT_EQ(inode_of(collection_, "old"), fresh);
  EXPECT_EQ(inode_of(collection_, "tmp"), 0u);
  EXPECT_EQ(stat_of(fresh).st_size, 3);
}

TEST_F(FilesystemNamesTest, RenameNoReplaceAndExchange) {
  const Inode a = write_file(collection_, "a", "A");
  const Inode b = write_file(collection_, "b", "B");
  EXPECT_EQ(fs().rename(collection_, "a", collection_, "b", RenameFlag::no_replace).error().code, Errc::exists);
  ASSERT_TRUE(fs().rename(collection_, "a", collection_, "b", RenameFlag::exchange));
  EXPECT_EQ(inode_of(collection_, "a"), b);
  EXPECT_EQ(inode_of(collection_, "b"), a);
  EXPECT_EQ(value_of("a"), "B");
  EXPECT_EQ(stat_of(a).st_size, 1);
}

TEST_F(FilesystemNamesTest, FilesAreFoundAfterTheirDirectoryMoved) {
  const Inode from = directory(collection_, "from");
  const Inode file = write_file(from, "f", "x");
  ASSERT_TRUE(fs().rename(collection_, "from", collection_, "to", RenameFlag::none));
  EXPECT_EQ(value_of("to/f"), "x");
  EXPECT_EQ(stat_of(file).st_size, 1);
  EXPECT_EQ(stat_of(from).st_mode & S_IFMT, static_cast<mode_t>(S_IFDIR));
}

TEST_F(FilesystemNamesTest, TheOwnValueIsFoundAfterItsDirectoryMoved) {
  put_value("a", "own");
  put_value("a/b", "x");
  const Inode own = inode_of(inode_of(collection_, "a"), "%:value");
  ASSERT_TRUE(fs().rename(collection_, "a", collection_, "z", RenameFlag::none));
  EXPECT_EQ(stat_of(own).st_size, 3);
  EXPECT_EQ(value_of("z"), "own");
}

TEST_F(FilesystemNamesTest, HardLinksShareOneInode) {
  const Inode a = write_file(collection_, "a", "A");
  const auto linked = fs().make_link(a, collection_, "b");
  ASSERT_TRUE(linked) << linked.error().message();
  EXPECT_EQ(linked->inode, a);
  EXPECT_EQ(linked->attributes.st_nlink, 2u);
  ASSERT_TRUE(fs().unlink(collection_, "b"));
  EXPECT_EQ(stat_of(a).st_nlink, 1u);
  auto handle = open(a);
  EXPECT_EQ(read(*handle, 0, 10), "A");
  ASSERT_TRUE(close(std::move(handle)));
}

TEST_F(FilesystemNamesTest, SymlinksAndSpecialFiles) {
  const auto link = fs().make_symlink(collection_, "l", "target/of link", kRoot);
  ASSERT_TRUE(link);
  EXPECT_EQ(*fs().read_symlink(link->inode), "target/of link");
  EXPECT_EQ(link->attributes.st_size, 14);
  const auto fifo = fs().make_special(collection_, "p", S_IFIFO | 0600, 0, kRoot);
  ASSERT_TRUE(fifo);
  EXPECT_TRUE(S_ISFIFO(fifo->attributes.st_mode));
  EXPECT_EQ(value_of("l"), "<absent>");
}

TEST_F(FilesystemNamesTest, AnUnlinkedOpenFileKeepsItsData) {
  const Inode inode = write_file(collection_, "f", "kept");
  auto handle = open(inode);
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  EXPECT_EQ(value_of("f"), "<absent>");
  EXPECT_EQ(read(*handle, 0, 10), "kept");
  write(*handle, 4, " and written");
  ASSERT_TRUE(fs().flush(*handle));
  EXPECT_EQ(read(*handle, 0, 100), "kept and written");
  EXPECT_EQ(stat_of(inode).st_nlink, 0u);
  fs().release(std::move(handle));
  fs().forget(inode, 1);
  EXPECT_FALSE(fs().attributes(inode));
}

// Another door was faster than the hold that opening puts on the file.
TEST_F(FilesystemNamesTest, AFileRemovedWhileItIsBeingOpenedIsWrittenWithoutAName) {
  const Inode inode = write_file(collection_, "f", "old");
  auto handle = open(inode);
  store_->release_inode(inode);
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "f"); }));
  write(*handle, 0, "goes with the file");
  EXPECT_TRUE(fs().flush(*handle));
  EXPECT_TRUE(fs().sync(*handle));
  EXPECT_EQ(value_of("f"), "<absent>");
  fs().release(std::move(handle));
  ASSERT_TRUE(fs().create(collection_, "f", 0644, O_WRONLY, kRoot));
  EXPECT_EQ(value_of("f"), "");
}

TEST_F(FilesystemNamesTest, TheControlDirectoryIsThereByNameAndNotListed) {
  for (const Inode parent : {Inode{kRootDir}, tenant_}) {
    const Inode control = inode_of(parent, ".kvfs");
    ASSERT_NE(control, 0u);
    for (const std::string& name : names_in(parent)) EXPECT_NE(name, ".kvfs");
    const Inode stats = inode_of(control, "stats");
    ASSERT_NE(stats, 0u);
    auto handle = open(stats, O_RDONLY);
    EXPECT_NE(read(*handle, 0, 4096).find("keys: 0\n"), std::string::npos);
    ASSERT_TRUE(close(std::move(handle)));
    EXPECT_EQ(fs().open(stats, O_WRONLY, kRoot).error().code, Errc::access_denied);
    EXPECT_EQ(fs().make_directory(parent, ".kvfs", 0755, kRoot).error().code, Errc::exists);
    EXPECT_EQ(fs().create(control, "x", 0644, O_RDWR, kRoot).error().code, Errc::not_permitted);
  }
  EXPECT_EQ(inode_of(collection_, ".kvfs"), 0u);
}

TEST_F(FilesystemNamesTest, TheLastErrorSaysWhy) {
  const auto refused = fs().create(tenant_, "f", 0644, O_RDWR, kRoot);
  ASSERT_FALSE(refused);
  fs().note_error("create", refused.error(), tenant_);
  auto handle = open(inode_of(inode_of(kRootDir, ".kvfs"), "last_error"), O_RDONLY);
  EXPECT_NE(read(*handle, 0, 4096).find("only collections"), std::string::npos);
  ASSERT_TRUE(close(std::move(handle)));
}

}  // namespace
}  // namespace kvfs
