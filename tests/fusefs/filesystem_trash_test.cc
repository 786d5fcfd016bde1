#include "fusefs/errno.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

class FilesystemTrashTest : public FilesystemTest {
 protected:
  void SetUp() override {
    FilesystemTest::SetUp();
    store_->set_trash({.keep_ms = 3'600'000});
  }
  Inode trash_of(Inode parent) { return inode_of(inode_of(parent, ".kvfs"), "trash"); }
  std::vector<std::string> trash() { return names_in(trash_of(tenant_)); }
  std::string read_in(Inode directory, std::string_view name) {
    auto handle = open(inode_of(directory, name), O_RDONLY);
    const std::string bytes = read(*handle, 0, 1 << 20);
    fs().release(std::move(handle));
    return bytes;
  }
};

TEST_F(FilesystemTrashTest, WhatIsRemovedIsReadThereUnderANameThatTellsWhenAndWhere) {
  const std::string large(100'000, 'l');
  write_file(directory(collection_, "d"), "large", large);
  const struct stat before = stat_of(inode_of(directory(collection_, "d"), "large"));
  now_ns_ += 1'000'000;
  ASSERT_TRUE(fs().unlink(directory(collection_, "d"), "large"));
  ASSERT_EQ(trash(), std::vector<std::string>{"20231114T221320.001Z-0.default%d%large"});
  const std::string name = trash().at(0);
  EXPECT_EQ(read_in(trash_of(tenant_), name), large);
  const Inode file = inode_of(trash_of(tenant_), name);
  const struct stat after = stat_of(file);
  EXPECT_EQ(after.st_size, before.st_size);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  EXPECT_EQ(*fs().get_xattr(file, "user.kvfs.path"), "default/d/large");
  EXPECT_EQ(*fs().get_xattr(file, "user.kvfs.removed_at"), "1700000000.001");
  EXPECT_EQ(*fs().get_xattr(file, "user.kvfs.ends_at"), "1700003600.001");
  EXPECT_EQ(*fs().get_xattr(file, "user.kvfs.type"), "bytes");
  EXPECT_EQ(inode_of(trash_of(tenant_), "20231114T221320.001Z-0.default%d%small"), 0U);
  EXPECT_EQ(inode_of(trash_of(tenant_), "20231114T221320.001Z-00.default%d%large"), 0U);
}

TEST_F(FilesystemTrashTest, MovingItOutBringsItBack) {
  write_file(collection_, "f", "bytes");
  const Inode inode = inode_of(collection_, "f");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  ASSERT_TRUE(fs().rename(trash_of(tenant_), trash().at(0), collection_, "back", RenameFlag::none));
  EXPECT_EQ(value_of("back"), "bytes");
  EXPECT_EQ(inode_of(collection_, "back"), inode);
  EXPECT_EQ(stat_of(inode).st_nlink, 1u) << "the kernel may not have forgotten it as a removed one";
  EXPECT_TRUE(trash().empty());
}

TEST_F(FilesystemTrashTest, MovingItOverAFileReplacesThatUnlessToldNotTo) {
  write_file(collection_, "f", "old");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  write_file(collection_, "f", "new");
  const std::string name = trash().at(0);
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, collection_, "f", RenameFlag::no_replace).error().code),
            EEXIST);
  directory(collection_, "d");
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, collection_, "d", RenameFlag::none).error().code), EISDIR);
  ASSERT_TRUE(fs().rename(trash_of(tenant_), name, collection_, "f", RenameFlag::none));
  EXPECT_EQ(value_of("f"), "old");
  ASSERT_EQ(trash().size(), 1U);
  EXPECT_EQ(read_in(trash_of(tenant_), trash().at(0)), "new");
}

TEST_F(FilesystemTrashTest, NothingInItCanBeChanged) {
  write_file(collection_, "f", "bytes");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  const std::string name = trash().at(0);
  const Inode file = inode_of(trash_of(tenant_), name);
  EXPECT_EQ(to_errno(fs().open(file, O_RDWR, kRoot).error().code), EROFS);
  AttributeRequest request;
  request.size = 0;
  EXPECT_EQ(to_errno(fs().set_attributes(file, request, kRoot).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().create(trash_of(tenant_), "n", 0644, O_RDWR, kRoot).error().code), EPERM);
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, trash_of(tenant_), "n", RenameFlag::none).error().code),
            EPERM);
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, tenant_, "n", RenameFlag::none).error().code), EPERM);
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, kRootDir, "n", RenameFlag::none).error().code), EPERM);
  const Inode other = directory(directory(kRootDir, "other"), "default");
  EXPECT_EQ(to_errno(fs().rename(trash_of(tenant_), name, other, "n", RenameFlag::none).error().code), EXDEV);
  EXPECT_EQ(trash().size(), 1U);
}

TEST_F(FilesystemTrashTest, RemovingItThereIsForGood) {
  for (const char* name : {"a", "b", "c"}) {
    write_file(collection_, name, name);
    ASSERT_TRUE(fs().unlink(collection_, name));
  }
  ASSERT_TRUE(fs().unlink(trash_of(tenant_), trash().at(1)));
  EXPECT_EQ(trash().size(), 2U);
  EXPECT_EQ(stats_number("trash_keys"), 2U);
  EXPECT_EQ(stats_number("trash_bytes"), 2U);
  ASSERT_TRUE(fs().remove_directory(inode_of(tenant_, ".kvfs"), "trash"));
  EXPECT_TRUE(trash().empty());
  EXPECT_EQ(stats_number("trash_keys"), 0U);
}

TEST_F(FilesystemTrashTest, AnOpenFileComesWhenItIsClosed) {
  const Inode file = write_file(collection_, "f", "before");
  auto handle = open(file);
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  EXPECT_TRUE(trash().empty());
  write(*handle, 0, "after!");
  ASSERT_TRUE(close(std::move(handle)));
  fs().forget(file, 1);  // as the kernel does when nobody has it open any more
  ASSERT_EQ(trash().size(), 1U);
  EXPECT_EQ(read_in(trash_of(tenant_), trash().at(0)), "after!");
}

TEST_F(FilesystemTrashTest, TheRootsHasADirectoryForEachTenant) {
  write_file(collection_, "f", "bytes");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  directory(kRootDir, "other");
  EXPECT_EQ(names_in(trash_of(kRootDir)), (std::vector<std::string>{"acme", "other"}));
  const Inode acme = inode_of(trash_of(kRootDir), "acme");
  EXPECT_EQ(names_in(acme), trash());
  ASSERT_TRUE(fs().rename(acme, trash().at(0), collection_, "f", RenameFlag::none));
  EXPECT_EQ(value_of("f"), "bytes");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  ASSERT_TRUE(fs().remove_directory(inode_of(kRootDir, ".kvfs"), "trash"));
  EXPECT_TRUE(trash().empty());
}

TEST_F(FilesystemTrashTest, NamesOfOddAndLongKeysAreNamesOfFiles) {
  for (const std::string& key : {std::string("a\0b//c", 6), std::string(250, 'd') + "/" + std::string(200, 'e')}) {
    put_value(key, "1");
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, key); }));
  }
  const std::vector<std::string> names = trash();
  ASSERT_EQ(names.size(), 2U);
  EXPECT_TRUE(names.at(0).ends_with(".default%a%b%%c")) << names.at(0);
  EXPECT_EQ(names.at(1).size(), 255U);
  EXPECT_TRUE(names.at(1).ends_with("d%" + std::string(200, 'e')));
  for (const std::string& name : names) EXPECT_EQ(read_in(trash_of(tenant_), name), "1");
}

TEST_F(FilesystemTrashTest, ALongListIsReadInPieces) {
  for (int i = 0; i < 600; ++i) {
    put_value("k" + std::to_string(i), "1");
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, "k" + std::to_string(i)); }));
  }
  const auto names = names_in(trash_of(tenant_), 7);
  ASSERT_EQ(names.size(), 600U);
  for (size_t i = 0; i < names.size(); ++i) EXPECT_TRUE(names[i].ends_with("%k" + std::to_string(i))) << names[i];
}

}  // namespace
}  // namespace kvfs
