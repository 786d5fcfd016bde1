// What is removed while somebody has it open, and what happens meanwhile.
#include <sys/xattr.h>

#include <thread>

#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

using FilesystemRemovedTest = FilesystemTest;

TEST_F(FilesystemRemovedTest, ALinkOrFileThatTheKernelStillKnowsHasItsAttributes) {
  const auto link = fs().make_symlink(collection_, "l", "where/it/leads", kRoot);
  ASSERT_TRUE(link);
  const Inode file = write_file(collection_, "f", "bytes");
  ASSERT_TRUE(fs().set_xattr(file, "user.a", "1", 0, kRoot));
  ASSERT_TRUE(fs().unlink(collection_, "l"));
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  EXPECT_EQ(*fs().read_symlink(link->inode), "where/it/leads");
  EXPECT_EQ(stat_of(link->inode).st_nlink, 0u);
  EXPECT_EQ(stat_of(file).st_size, 5);
  EXPECT_EQ(*fs().get_xattr(file, "user.a"), "1");
  AttributeRequest request;
  request.mode = 0600;
  ASSERT_TRUE(fs().set_attributes(file, request, kRoot));
  EXPECT_EQ(stat_of(file).st_mode & 07777, 0600u);
  EXPECT_EQ(fs().open(file, O_RDONLY, kRoot).error().code, Errc::stale);
  fs().forget(file, 1);
  EXPECT_EQ(fs().attributes(file).error().code, Errc::stale);
}

TEST_F(FilesystemRemovedTest, WhatWasOpenIsOpenedAgainUntilTheKernelForgetsIt) {
  const Inode file = write_file(collection_, "f", "bytes");
  const Inode other = write_file(collection_, "g", "other");
  auto handle = open(file);
  ASSERT_TRUE(fs().rename(collection_, "g", collection_, "f", RenameFlag::none));
  write(*handle, 0, "BYTES");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(stat_of(file).st_nlink, 0u);
  AttributeRequest request;
  request.mode = 0600;
  ASSERT_TRUE(fs().set_attributes(file, request, kRoot));
  handle = open(file);
  EXPECT_EQ(read(*handle, 0, 10), "BYTES");
  fs().forget(file, 1);
  EXPECT_EQ(read(*handle, 0, 10), "BYTES");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(fs().open(file, O_RDONLY, kRoot).error().code, Errc::stale);
  EXPECT_EQ(stat_of(other).st_nlink, 1u);
}

TEST_F(FilesystemRemovedTest, WhatARenameReplacesHasItsAttributesToo) {
  const auto replaced = fs().make_symlink(collection_, "b", "old", kRoot);
  ASSERT_TRUE(replaced);
  ASSERT_TRUE(fs().make_symlink(collection_, "a", "new", kRoot));
  ASSERT_TRUE(fs().rename(collection_, "a", collection_, "b", RenameFlag::none));
  EXPECT_EQ(*fs().read_symlink(replaced->inode), "old");
}

TEST_F(FilesystemRemovedTest, AnotherNameOfAFileKeepsItAsItIs) {
  const Inode file = write_file(collection_, "f", "bytes");
  ASSERT_TRUE(fs().make_link(file, collection_, "g"));
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  EXPECT_EQ(stat_of(file).st_nlink, 1u);
  ASSERT_TRUE(close(open(file, O_RDONLY)));
}

TEST_F(FilesystemRemovedTest, ExtendedAttributesOfARemovedDirectoryAreReadSetAndRemoved) {
  const Inode dir = directory(collection_, "d");
  ASSERT_TRUE(fs().set_xattr(dir, "user.a", "1", 0, kRoot));
  ASSERT_TRUE(fs().remove_directory(collection_, "d"));
  EXPECT_EQ(*fs().get_xattr(dir, "user.a"), "1");
  EXPECT_EQ(fs().get_xattr(dir, "user.b").error().code, Errc::no_attribute);
  ASSERT_TRUE(fs().set_xattr(dir, "user.b", "2", XATTR_CREATE, kRoot));
  EXPECT_EQ(fs().set_xattr(dir, "user.b", "2", XATTR_CREATE, kRoot).error().code, Errc::exists);
  ASSERT_TRUE(fs().remove_xattr(dir, "user.a"));
  EXPECT_EQ(fs().remove_xattr(dir, "user.a").error().code, Errc::no_attribute);
  EXPECT_EQ(*fs().list_xattrs(dir, kRoot), std::string("user.b\0", 7));
}

TEST_F(FilesystemRemovedTest, AFileWithoutANameIsGivenOneOrGoes) {
  auto made = fs().create_unnamed(collection_, 0600, O_RDWR | O_TMPFILE, kRoot);
  ASSERT_TRUE(made) << made.error().message();
  const Inode inode = made->node.inode;
  EXPECT_EQ(made->node.attributes.st_nlink, 0u);
  EXPECT_EQ(names_in(collection_), std::vector<std::string>{});
  const std::string large(200'000, 'l');
  write(*made->opened.handle, 0, large);
  ASSERT_TRUE(fs().sync(*made->opened.handle));
  EXPECT_EQ(read(*made->opened.handle, 0, 300'000), large);
  const auto linked = fs().make_link(inode, collection_, "f");
  ASSERT_TRUE(linked) << linked.error().message();
  EXPECT_EQ(linked->attributes.st_nlink, 1u);
  EXPECT_EQ(value_of("f"), large);
  write(*made->opened.handle, 0, "X");
  ASSERT_TRUE(close(std::move(made->opened.handle)));
  EXPECT_EQ(value_of("f").substr(0, 3), "Xll");

  auto lost = fs().create_unnamed(collection_, 0600, O_RDWR | O_TMPFILE, kRoot);
  ASSERT_TRUE(lost);
  write(*lost->opened.handle, 0, "nobody's");
  ASSERT_TRUE(close(std::move(lost->opened.handle)));
  EXPECT_EQ(fs().attributes(lost->node.inode).error().code, Errc::stale);
  EXPECT_EQ(names_in(collection_), std::vector<std::string>{"f"});
  EXPECT_EQ(fs().create_unnamed(tenant_, 0600, O_RDWR, kRoot).error().code, Errc::not_permitted);
}

TEST_F(FilesystemRemovedTest, AQuotaHoldsWhereAFileIsGivenItsFirstName) {
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_bytes = 1000;
    set_settings(txn, tenant_, settings);
    return {};
  }));
  auto made = fs().create_unnamed(collection_, 0600, O_RDWR | O_TMPFILE, kRoot);
  ASSERT_TRUE(made);
  write(*made->opened.handle, 0, std::string(2000, 'x'));
  ASSERT_TRUE(fs().flush(*made->opened.handle));
  EXPECT_EQ(fs().make_link(made->node.inode, collection_, "f").error().code, Errc::quota_exceeded);
  ASSERT_TRUE(close(std::move(made->opened.handle)));
}

TEST_F(FilesystemRemovedTest, AFileIsLinkedWhileItIsPublishedAndNeitherWaitsForTheOtherForEver) {
  const Inode inode = write_file(collection_, "f", "x");
  auto handle = open(inode);
  std::thread writer([&] {
    for (int i = 0; i < 2000; i++) {
      ASSERT_TRUE(fs().write(*handle, 0, "y", kRoot));
      ASSERT_TRUE(fs().flush(*handle));
    }
  });
  for (int i = 0; i < 2000; i++) {
    ASSERT_TRUE(fs().make_link(inode, collection_, "g"));
    ASSERT_TRUE(fs().unlink(collection_, "g"));
  }
  writer.join();
  ASSERT_TRUE(close(std::move(handle)));
}

// open(2) finds a name's inode first and opens it then: in between a rename may put another file there.
TEST_F(FilesystemRemovedTest, AFileThatARenameReplacesIsReadByWhoIsAboutToOpenIt) {
  for (const size_t size : {size_t{5}, size_t{200'000}}) {
    const std::string old(size, 'o');
    const Inode replaced = write_file(collection_, "f", old);
    write_file(collection_, "g", "new");
    ASSERT_TRUE(fs().rename(collection_, "g", collection_, "f", RenameFlag::none));
    EXPECT_EQ(value_of("f"), "new");
    auto opened = fs().open(replaced, O_RDONLY, kRoot);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(stat_of(replaced).st_nlink, 0u);
    fs().forget(replaced, 1);
    EXPECT_EQ(read(*opened->handle, 0, size + 1), old);
    fs().release(std::move(opened->handle));
    EXPECT_EQ(fs().open(replaced, O_RDONLY, kRoot).error().code, Errc::stale);
    EXPECT_EQ(store_->usage(0).bytes, 3u);
    ASSERT_TRUE(fs().unlink(collection_, "f"));
  }
}

}  // namespace
}  // namespace kvfs
