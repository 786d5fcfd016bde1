#include "fusefs/errno.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

class FilesystemSnapshotsTest : public FilesystemTest {
 protected:
  Inode snapshots_of(Inode parent) { return inode_of(inode_of(parent, ".kvfs"), "snapshots"); }
  std::string read_in(Inode directory, std::string_view name) {
    const Inode inode = inode_of(directory, name);
    if (inode == 0) return "<absent>";
    auto handle = open(inode, O_RDONLY);
    if (!handle) return "<unreadable>";
    std::string bytes = read(*handle, 0, 1 << 20);
    fs().release(std::move(handle));
    return bytes;
  }
};

TEST_F(FilesystemSnapshotsTest, MakingADirectoryTakesASnapshotThatStaysAsItIs) {
  const std::string large(100'000, 'l');
  write_file(collection_, "f", "before");
  write_file(directory(collection_, "d"), "large", large);
  const auto taken = fs().make_directory(snapshots_of(kRootDir), "s", 0755, kRoot);
  ASSERT_TRUE(taken) << taken.error().message();
  write_file(collection_, "g", "after");
  put_value("f", "after");
  const Inode there = inode_of(inode_of(taken->inode, "acme"), "default");
  ASSERT_NE(there, 0u);
  EXPECT_EQ(read_in(there, "f"), "before");
  EXPECT_EQ(read_in(inode_of(there, "d"), "large"), large);
  EXPECT_EQ(inode_of(there, "g"), 0u);
  EXPECT_EQ(names_in(there), (std::vector<std::string>{"d", "f"}));
  EXPECT_EQ(stat_of(inode_of(there, "f")).st_size, 6);
  EXPECT_EQ(value_of("f"), "after");
  EXPECT_EQ(names_in(snapshots_of(kRootDir)), std::vector<std::string>{"s"});
}

TEST_F(FilesystemSnapshotsTest, NothingInItCanBeChanged) {
  write_file(collection_, "f", "x");
  const auto taken = fs().make_directory(snapshots_of(tenant_), "s", 0755, kRoot);
  ASSERT_TRUE(taken);
  const Inode there = inode_of(taken->inode, "default");
  const Inode file = inode_of(there, "f");
  EXPECT_EQ(to_errno(fs().create(there, "n", 0644, O_RDWR, kRoot).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().open(file, O_RDWR, kRoot).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().unlink(there, "f").error().code), EROFS);
  EXPECT_EQ(to_errno(fs().make_directory(there, "d", 0755, kRoot).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().set_xattr(file, "user.a", "b", 0, kRoot).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().rename(there, "f", there, "g", RenameFlag::none).error().code), EROFS);
  EXPECT_EQ(to_errno(fs().rename(there, "f", collection_, "g", RenameFlag::none).error().code), EXDEV);
  AttributeRequest request;
  request.size = 0;
  EXPECT_EQ(to_errno(fs().set_attributes(file, request, kRoot).error().code), EROFS);
  EXPECT_EQ(value_of("f"), "x");
}

TEST_F(FilesystemSnapshotsTest, RemovingTheDirectoryDropsItAlsoForThoseWhoReadIt) {
  write_file(collection_, "f", "x");
  const auto taken = fs().make_directory(snapshots_of(tenant_), "s", 0755, kRoot);
  ASSERT_TRUE(taken);
  const Inode file = inode_of(inode_of(taken->inode, "default"), "f");
  auto handle = open(file, O_RDONLY);
  ASSERT_TRUE(fs().remove_directory(snapshots_of(tenant_), "s"));
  char byte = 0;
  EXPECT_EQ(to_errno(fs().read(*handle, 0, 1, &byte).error().code), ESTALE);
  fs().release(std::move(handle));
  EXPECT_FALSE(fs().attributes(file));
  EXPECT_TRUE(names_in(snapshots_of(tenant_)).empty());
  EXPECT_FALSE(fs().remove_directory(snapshots_of(tenant_), "s"));
}

TEST_F(FilesystemSnapshotsTest, ATenantsSnapshotsAreItsOwn) {
  ASSERT_TRUE(fs().make_directory(snapshots_of(tenant_), "s", 0755, kRoot));
  EXPECT_TRUE(names_in(snapshots_of(kRootDir)).empty());
  EXPECT_EQ(fs().make_directory(snapshots_of(tenant_), "s", 0755, kRoot).error().code, Errc::exists);
  EXPECT_TRUE(fs().make_directory(snapshots_of(kRootDir), "s", 0755, kRoot));
}

}  // namespace
}  // namespace kvfs
