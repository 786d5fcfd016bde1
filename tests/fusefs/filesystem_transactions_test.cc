// Transactions of `.kvfs/tx` without a mount: what they show, what they publish, what they refuse.
#include <sys/xattr.h>

#include "fusefs/errno.h"
#include "fusefs/transaction_files.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

class FilesystemTransactionsTest : public FilesystemTest {
 protected:
  void SetUp() override { open_with({}); }
  void open_with(TransactionOptions transactions) {
    FilesystemOptions options;
    options.transactions = transactions;
    open_filesystem(std::move(options));
    begun_ = 0;
  }
  Inode control(Inode parent, std::string_view name) { return inode_of(inode_of(parent, ".kvfs"), name); }
  /// The tenant's transaction T, begun if it is not yet.
  Inode begin() {
    if (begun_ != 0) return begun_;
    const auto made = fs().make_directory(control(tenant_, "tx"), "T", 0755, kRoot);
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    begun_ = made ? made->inode : 0;
    return begun_;
  }
  /// The collection as the transaction shows it.
  Inode in_tx() { return inode_of(begin(), "default"); }
  Result<void> commit() {
    return fs().rename(control(tenant_, "tx"), "T", control(tenant_, "commit"), "T", RenameFlag::none);
  }
  Result<void> put(Inode directory, std::string_view name, std::string_view bytes, int flags = O_WRONLY | O_TRUNC) {
    std::unique_ptr<FileHandle> handle;
    if (const Inode present = inode_of(directory, name); present != 0) {
      auto opened = fs().open(present, flags, kRoot);
      if (!opened) return opened.error();
      handle = std::move(opened->handle);
    } else {
      auto created = fs().create(directory, name, 0640, flags, kRoot);
      if (!created) return created.error();
      handle = std::move(created->opened.handle);
    }
    const auto written = fs().write(*handle, 0, bytes, kRoot);
    auto closed = close(std::move(handle));
    if (!written) return written.error();
    return closed;
  }
  std::string read_in(Inode directory, std::string_view name) {
    const Inode inode = inode_of(directory, name);
    if (inode == 0) return "<absent>";
    auto handle = open(inode, O_RDONLY);
    std::string bytes = read(*handle, 0, 1 << 20);
    fs().release(std::move(handle));
    return bytes;
  }
  Inode begun_ = 0;
};

TEST_F(FilesystemTransactionsTest, WhatIsWrittenIsSeenWithinItAndElsewhereAfterTheCommitAllAtOnce) {
  put_value("old", "before");
  put_value("gone", "x");
  const std::string large(300'000, 'l');
  ASSERT_TRUE(put(in_tx(), "old", "after"));
  ASSERT_TRUE(put(in_tx(), "new", "n"));
  ASSERT_TRUE(put(in_tx(), "large", large));
  const auto made = fs().make_directory(in_tx(), "d", 0750, kRoot);
  ASSERT_TRUE(made);
  ASSERT_TRUE(put(made->inode, "below", "b"));
  ASSERT_TRUE(fs().unlink(in_tx(), "gone"));
  EXPECT_EQ(read_in(in_tx(), "old"), "after");
  EXPECT_EQ(read_in(in_tx(), "large"), large);
  EXPECT_EQ(inode_of(in_tx(), "gone"), 0u);
  EXPECT_EQ(names_in(in_tx()), (std::vector<std::string>{"old", "d", "large", "new"}));
  EXPECT_EQ(value_of("old"), "before");
  EXPECT_EQ(value_of("new"), "<absent>");
  EXPECT_EQ(value_of("gone"), "x");

  const uint64_t before = store_->feed().last();
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("old"), "after");
  EXPECT_EQ(value_of("new"), "n");
  EXPECT_EQ(value_of("large"), large);
  EXPECT_EQ(value_of("d/below"), "b");
  EXPECT_EQ(value_of("gone"), "<absent>");
  EXPECT_EQ(stat_of(inode_of(collection_, "new")).st_mode & 07777, 0640u);
  EXPECT_EQ(stat_of(inode_of(collection_, "d")).st_mode & 07777, 0750u);
  // The kernel is told: the changes are not the mount's own.
  for (const ChangePtr& change : store_->feed().read(before, 100).changes) EXPECT_NE(change->origin, fs().origin());
  EXPECT_EQ(control(tenant_, "tx") != 0, true);
  EXPECT_TRUE(names_in(control(tenant_, "tx")).empty());
}

TEST_F(FilesystemTransactionsTest, AConditionThatDoesNotHoldPublishesNothingAndLeavesTheTransaction) {
  put_value("a", "1");
  const std::string version = fs().get_xattr(inode_of(collection_, "a"), "user.kvfs.version").value();
  ASSERT_TRUE(put(in_tx(), "a", "2"));
  ASSERT_TRUE(put(in_tx(), "b", "2"));
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "a"), "user.kvfs.if_match", version, 0, kRoot));
  put_value("a", "somebody else's");
  const auto refused = commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_errno(refused.error().code), ESTALE);
  EXPECT_NE(refused.error().detail.find("default/a"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(value_of("a"), "somebody else's");
  EXPECT_EQ(value_of("b"), "<absent>");
  EXPECT_EQ(read_in(in_tx(), "b"), "2");
  const std::string now = fs().get_xattr(inode_of(in_tx(), "a"), "user.kvfs.version").value();
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "a"), "user.kvfs.if_match", now, 0, kRoot));
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("a"), "2");
  EXPECT_EQ(value_of("b"), "2");
}

TEST_F(FilesystemTransactionsTest, AConditionMayStandOnAKeyThatIsOnlyReadOrMustNotExist) {
  put_value("read", "1");
  const std::string version = fs().get_xattr(inode_of(collection_, "read"), "user.kvfs.version").value();
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "read"), "user.kvfs.if_match", version, 0, kRoot));
  ASSERT_TRUE(put(in_tx(), "mine", "1"));
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "mine"), "user.kvfs.if_match", "0", 0, kRoot));
  put_value("mine", "somebody else's");
  EXPECT_EQ(commit().error().code, Errc::precondition_failed);
  ASSERT_TRUE(fs().unlink(collection_, "mine"));
  put_value("read", "2");
  EXPECT_EQ(commit().error().code, Errc::precondition_failed);
  EXPECT_EQ(value_of("mine"), "<absent>");
}

TEST_F(FilesystemTransactionsTest, PartsAreNotLaidOverAValueThatHasChanged) {
  const std::string large(200'000, 'l');
  const Inode file = write_file(collection_, "large", large);
  auto handle = open(inode_of(in_tx(), "large"), O_RDWR);
  write(*handle, 100'000, "part");
  EXPECT_EQ(read(*handle, 99'999, 6), "lpartl");
  put_value("large", "somebody else's");
  EXPECT_EQ(commit().error().code, Errc::precondition_failed);
  EXPECT_EQ(value_of("large"), "somebody else's");
  fs().release(std::move(handle));
  EXPECT_NE(file, 0u);
}

TEST_F(FilesystemTransactionsTest, PartsAreLaidOverTheValueThatTheyWereMadeFrom) {
  std::string large(200'000, 'l');
  write_file(collection_, "large", large);
  auto handle = open(inode_of(in_tx(), "large"), O_RDWR);
  write(*handle, 100'000, "part");
  fs().release(std::move(handle));
  AttributeRequest request;
  request.size = 150'000;
  write_file(collection_, "cut", large);
  ASSERT_TRUE(fs().set_attributes(inode_of(in_tx(), "cut"), request, kRoot));
  ASSERT_TRUE(put(in_tx(), "appended", "a"));
  handle = open(inode_of(in_tx(), "appended"), O_WRONLY | O_APPEND);
  write(*handle, 0, "b");
  fs().release(std::move(handle));
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("large"), large.replace(100'000, 4, "part"));
  EXPECT_EQ(value_of("cut"), std::string(150'000, 'l'));
  EXPECT_EQ(value_of("appended"), "ab");
}

TEST_F(FilesystemTransactionsTest, RemovingItDropsItAndOpenFilesGetStale) {
  put_value("a", "1");
  ASSERT_TRUE(put(in_tx(), "a", "2"));
  auto handle = open(inode_of(in_tx(), "a"), O_RDWR);
  // `rm -r` finds nothing to remove in it.
  EXPECT_TRUE(names_in(begin()).empty());
  ASSERT_TRUE(fs().remove_directory(control(tenant_, "tx"), "T"));
  EXPECT_EQ(to_errno(fs().write(*handle, 0, "x", kRoot).error().code), ESTALE);
  fs().release(std::move(handle));
  EXPECT_FALSE(commit());
  EXPECT_EQ(value_of("a"), "1");
  EXPECT_EQ(stats_number("mount_transaction_bytes"), 0u);
}

TEST_F(FilesystemTransactionsTest, AnAbandonedOneEnds) {
  ASSERT_TRUE(put(in_tx(), "a", "2"));
  now_ns_ += uint64_t{9} * 60 * 1'000'000'000;
  ASSERT_TRUE(put(in_tx(), "b", "2"));
  now_ns_ += uint64_t{9} * 60 * 1'000'000'000;
  EXPECT_EQ(names_in(control(tenant_, "tx")), std::vector<std::string>{"T"});
  now_ns_ += uint64_t{2} * 60 * 1'000'000'000;
  // Beginning another one looks after the old ones; so does the background.
  ASSERT_TRUE(fs().make_directory(control(tenant_, "tx"), "U", 0755, kRoot));
  EXPECT_EQ(names_in(control(tenant_, "tx")), std::vector<std::string>{"U"});
  EXPECT_EQ(stats_number("mount_transaction_bytes"), 0u);
}

TEST_F(FilesystemTransactionsTest, LimitsHaveNamesAndRefuseBeforeTheyAreExceeded) {
  open_with({.count_max = 2, .keys_max = 2, .bytes_max = 100'000, .lease_ms = 600'000});
  ASSERT_TRUE(put(in_tx(), "a", "1"));
  const auto large = put(in_tx(), "b", std::string(100'000, 'l'));
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().detail.find("transaction_size_max"), std::string::npos);
  const auto third = put(in_tx(), "c", "1");
  ASSERT_FALSE(third);
  EXPECT_NE(third.error().detail.find("transaction_keys_max"), std::string::npos);
  ASSERT_TRUE(fs().make_directory(control(kRootDir, "tx"), "U", 0755, kRoot));
  const auto more = fs().make_directory(control(kRootDir, "tx"), "V", 0755, kRoot);
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().detail.find("transactions_max"), std::string::npos);
  EXPECT_EQ(to_errno(more.error().code), ENOBUFS);
}

TEST_F(FilesystemTransactionsTest, TheQuotaHoldsForAllOfItOrNothingIsPublished) {
  const auto limited = store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_keys = 2;
    set_settings(txn, tenant_, settings);
    return {};
  });
  ASSERT_TRUE(limited);
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(put(in_tx(), name, "1"));
  EXPECT_EQ(to_errno(commit().error().code), EDQUOT);
  EXPECT_EQ(value_of("a"), "<absent>");
  ASSERT_TRUE(fs().unlink(in_tx(), "c"));
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("b"), "1");
}

TEST_F(FilesystemTransactionsTest, RenamingWithinItReplacesAndRemoves) {
  put_value("live", "l");
  put_value("target", "t");
  ASSERT_TRUE(put(in_tx(), "temp", "new"));
  ASSERT_TRUE(fs().rename(in_tx(), "temp", in_tx(), "target", RenameFlag::none));
  EXPECT_EQ(fs().rename(in_tx(), "live", in_tx(), "target", RenameFlag::no_replace).error().code, Errc::exists);
  ASSERT_TRUE(fs().rename(in_tx(), "live", in_tx(), "moved", RenameFlag::none));
  EXPECT_EQ(names_in(in_tx()), (std::vector<std::string>{"target", "moved"}));
  // Into and out of it: as between file systems.
  EXPECT_EQ(to_errno(fs().rename(collection_, "live", in_tx(), "x", RenameFlag::none).error().code), EXDEV);
  EXPECT_EQ(to_errno(fs().rename(in_tx(), "moved", collection_, "x", RenameFlag::none).error().code), EXDEV);
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("target"), "new");
  EXPECT_EQ(value_of("moved"), "l");
  EXPECT_EQ(value_of("live"), "<absent>");
  EXPECT_EQ(value_of("temp"), "<absent>");
}

TEST_F(FilesystemTransactionsTest, DirectoriesAreRemovedWithWhatIsInThem) {
  put_value("d/a", "1");
  put_value("d/b", "2");
  const Inode directory = inode_of(in_tx(), "d");
  EXPECT_EQ(fs().remove_directory(in_tx(), "d").error().code, Errc::not_empty);
  ASSERT_TRUE(fs().unlink(directory, "a"));
  ASSERT_TRUE(fs().unlink(directory, "b"));
  ASSERT_TRUE(fs().remove_directory(in_tx(), "d"));
  EXPECT_EQ(inode_of(in_tx(), "d"), 0u);
  ASSERT_TRUE(commit());
  EXPECT_EQ(inode_of(collection_, "d"), 0u);
}

TEST_F(FilesystemTransactionsTest, TheRootsNameTheTenantAndSpanOne) {
  const Inode other = directory(kRootDir, "other");
  directory(other, "default");
  const auto begun = fs().make_directory(control(kRootDir, "tx"), "R", 0755, kRoot);
  ASSERT_TRUE(begun);
  const auto in = [&](std::string_view tenant) { return inode_of(inode_of(begun->inode, tenant), "default"); };
  ASSERT_TRUE(put(in("acme"), "a", "1"));
  EXPECT_EQ(to_errno(put(in("other"), "a", "1").error().code), EXDEV);
  ASSERT_TRUE(fs().rename(control(kRootDir, "tx"), "R", control(kRootDir, "commit"), "R", RenameFlag::none));
  EXPECT_EQ(value_of("a"), "1");
}

TEST_F(FilesystemTransactionsTest, KeysThatAreNoFileNamesAndOwnValuesAreStagedUnderTheirFileNames) {
  put_value("a", "value");
  put_value("a/b", "below");
  ASSERT_TRUE(put(inode_of(in_tx(), "a"), "%:value", "new"));
  const auto http = fs().make_directory(in_tx(), "http:", 0755, kRoot);
  ASSERT_TRUE(http);
  const auto empty = fs().make_directory(http->inode, "%:", 0755, kRoot);
  ASSERT_TRUE(empty);
  ASSERT_TRUE(put(empty->inode, "x", "1"));
  EXPECT_EQ(fs().create(in_tx(), "%:no", 0644, O_RDWR, kRoot).error().code, Errc::invalid);
  EXPECT_EQ(fs().create(begin(), "file", 0644, O_RDWR, kRoot).error().code, Errc::not_permitted);
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("a"), "new");
  EXPECT_EQ(value_of("http://x"), "1");
}

TEST_F(FilesystemTransactionsTest, AttributesAndTimesToLiveAreStagedToo) {
  put_value("a", "1");
  AttributeRequest request;
  request.mode = 0600;
  ASSERT_TRUE(fs().set_attributes(inode_of(in_tx(), "a"), request, kRoot));
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "a"), "user.kvfs.ttl", "60", 0, kRoot));
  EXPECT_EQ(stat_of(inode_of(in_tx(), "a")).st_mode & 07777, 0600u);
  EXPECT_FALSE(fs().get_xattr(inode_of(collection_, "a"), "user.kvfs.ttl"));
  ASSERT_TRUE(commit());
  EXPECT_EQ(stat_of(inode_of(collection_, "a")).st_mode & 07777, 0600u);
  EXPECT_EQ(fs().get_xattr(inode_of(collection_, "a"), "user.kvfs.ttl").value(), "60");
  EXPECT_EQ(value_of("a"), "1");
}

TEST_F(FilesystemTransactionsTest, ExtendedAttributesAreStagedAndMoveWithTheirFiles) {
  put_value("a", "1");
  put_value("over", "old");
  ASSERT_TRUE(fs().set_xattr(inode_of(collection_, "a"), "user.was", "here", 0, kRoot));
  ASSERT_TRUE(fs().set_xattr(inode_of(collection_, "over"), "user.was", "there", 0, kRoot));
  ASSERT_TRUE(put(in_tx(), "new", "2"));
  const Inode made = directory(in_tx(), "d");
  const auto xattr = [&](Inode in, std::string_view name, std::string_view attribute) {
    const auto value = fs().get_xattr(inode_of(in, name), attribute);
    return value ? *value : std::string(to_string(value.error().code));
  };
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "a"), "user.b", "2", XATTR_CREATE, kRoot));
  EXPECT_EQ(fs().set_xattr(inode_of(in_tx(), "a"), "user.was", "x", XATTR_CREATE, kRoot).error().code, Errc::exists);
  ASSERT_TRUE(fs().set_xattr(inode_of(in_tx(), "new"), "user.n", "3", 0, kRoot));
  ASSERT_TRUE(fs().set_xattr(made, "trusted.d", "4", 0, kRoot));
  EXPECT_EQ(*fs().list_xattrs(inode_of(in_tx(), "a"), kRoot), std::string("user.b\0user.was\0", 16));
  EXPECT_EQ(*fs().list_xattrs(inode_of(collection_, "a"), kRoot), std::string("user.was\0", 9));
  ASSERT_TRUE(fs().rename(in_tx(), "new", in_tx(), "over", RenameFlag::none));
  EXPECT_EQ(xattr(in_tx(), "over", "user.n"), "3");
  ASSERT_TRUE(fs().remove_xattr(inode_of(in_tx(), "a"), "user.was"));
  ASSERT_TRUE(commit());
  EXPECT_EQ(*fs().list_xattrs(inode_of(collection_, "a"), kRoot), std::string("user.b\0", 7));
  EXPECT_EQ(*fs().list_xattrs(inode_of(collection_, "over"), kRoot), std::string("user.n\0", 7));
  EXPECT_EQ(xattr(collection_, "d", "trusted.d"), "4");
}

TEST_F(FilesystemTransactionsTest, ManyNamesAreListedOnceEach) {
  std::vector<std::string> expected;
  for (int i = 0; i < 700; i++) {
    const std::string name = "k" + std::to_string(1000 + i);
    if (i % 3 != 0) put_value(name, "1");
    if (i % 3 != 1) {
      ASSERT_TRUE(put(in_tx(), name, "2"));
    }
    if (i % 7 != 0) {
      expected.push_back(name);
    } else {
      ASSERT_TRUE(fs().unlink(in_tx(), name));
    }
  }
  std::vector<std::string> names = names_in(in_tx(), 50);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, expected);
}

TEST_F(FilesystemTransactionsTest, ASecondNameIsRefusedWithAReason) {
  ASSERT_TRUE(put(in_tx(), "file", "x"));
  const auto linked = fs().make_link(inode_of(in_tx(), "file"), in_tx(), "second");
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code, Errc::not_permitted);
  EXPECT_NE(linked.error().detail, "");
}

TEST_F(FilesystemTransactionsTest, LinksAndSpecialFilesAreMadeMovedAndReplaced) {
  ASSERT_TRUE(fs().make_symlink(collection_, "live", "old", kRoot));
  write_file(collection_, "value", "bytes");
  ASSERT_TRUE(fs().make_symlink(in_tx(), "link", "target", {1, 2}));
  ASSERT_TRUE(fs().make_special(in_tx(), "pipe", S_IFIFO | 0640, 0, kRoot));
  EXPECT_EQ(fs().make_symlink(in_tx(), "link", "again", kRoot).error().code, Errc::exists);
  EXPECT_EQ(*fs().read_symlink(inode_of(in_tx(), "link")), "target");
  EXPECT_TRUE(S_ISFIFO(stat_of(inode_of(in_tx(), "pipe")).st_mode));
  ASSERT_TRUE(fs().rename(in_tx(), "live", in_tx(), "moved", RenameFlag::none));
  EXPECT_EQ(*fs().read_symlink(inode_of(in_tx(), "moved")), "old");
  ASSERT_TRUE(fs().unlink(in_tx(), "value"));
  ASSERT_TRUE(fs().make_symlink(in_tx(), "value", "in its place", kRoot));
  EXPECT_TRUE(S_ISLNK(stat_of(inode_of(in_tx(), "value")).st_mode));
  EXPECT_EQ(names_in(in_tx()), (std::vector<std::string>{"value", "link", "moved", "pipe"}));
  EXPECT_EQ(inode_of(collection_, "link"), 0u);
  ASSERT_TRUE(commit());
  EXPECT_EQ(*fs().read_symlink(inode_of(collection_, "link")), "target");
  EXPECT_EQ(stat_of(inode_of(collection_, "link")).st_uid, 1u);
  EXPECT_EQ(*fs().read_symlink(inode_of(collection_, "moved")), "old");
  EXPECT_EQ(*fs().read_symlink(inode_of(collection_, "value")), "in its place");
  EXPECT_EQ(inode_of(collection_, "live"), 0u);
  EXPECT_EQ(stat_of(inode_of(collection_, "pipe")).st_mode, mode_t{S_IFIFO | 0640});
}

TEST_F(FilesystemTransactionsTest, AValueTakesTheNameOfALink) {
  ASSERT_TRUE(fs().make_symlink(collection_, "name", "elsewhere", kRoot));
  ASSERT_TRUE(fs().unlink(in_tx(), "name"));
  ASSERT_TRUE(put(in_tx(), "name", "a value now"));
  EXPECT_TRUE(S_ISREG(stat_of(inode_of(in_tx(), "name")).st_mode));
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("name"), "a value now");
}

TEST_F(FilesystemTransactionsTest, ADirectoryThatIsMadeInItIsRenamedWithAllBelow) {
  const Inode made = directory(in_tx(), "made");
  const Inode sub = directory(made, "sub");
  ASSERT_TRUE(put(sub, "f", "staged"));
  ASSERT_TRUE(fs().make_symlink(made, "l", "sub", kRoot));
  EXPECT_EQ(fs().rename(in_tx(), "made", sub, "below", RenameFlag::none).error().code, Errc::loop);
  ASSERT_TRUE(fs().rename(in_tx(), "made", in_tx(), "moved", RenameFlag::none));
  EXPECT_EQ(inode_of(in_tx(), "made"), 0u);
  EXPECT_EQ(inode_of(in_tx(), "moved"), made);
  EXPECT_EQ(read_in(sub, "f"), "staged");  // the kernel goes on with the nodes that it knows
  ASSERT_TRUE(put(sub, "g", "later"));
  directory(collection_, "live");
  EXPECT_EQ(fs().rename(in_tx(), "live", in_tx(), "other", RenameFlag::none).error().code, Errc::cross_tenant);
  ASSERT_TRUE(commit());
  EXPECT_EQ(value_of("moved/sub/f"), "staged");
  EXPECT_EQ(value_of("moved/sub/g"), "later");
  EXPECT_EQ(inode_of(collection_, "made"), 0u);
}

}  // namespace
}  // namespace kvfs
