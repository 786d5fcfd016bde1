#include <sys/xattr.h>

#include "fusefs/errno.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

using FilesystemXattrsTest = FilesystemTest;

TEST_F(FilesystemXattrsTest, SetListGetRemove) {
  const Inode inode = write_file(collection_, "f", "x");
  ASSERT_TRUE(fs().set_xattr(inode, "user.b", "2", 0, kRoot));
  ASSERT_TRUE(fs().set_xattr(inode, "user.a", std::string("1\0", 2), 0, kRoot));
  EXPECT_EQ(*fs().get_xattr(inode, "user.a"), std::string("1\0", 2));
  EXPECT_EQ(*fs().list_xattrs(inode, kRoot), std::string("user.a\0user.b\0", 14));
  EXPECT_EQ(fs().set_xattr(inode, "user.a", "", XATTR_CREATE, kRoot).error().code, Errc::exists);
  EXPECT_EQ(fs().set_xattr(inode, "user.c", "", XATTR_REPLACE, kRoot).error().code, Errc::no_attribute);
  ASSERT_TRUE(fs().remove_xattr(inode, "user.a"));
  EXPECT_EQ(fs().get_xattr(inode, "user.a").error().code, Errc::no_attribute);
  EXPECT_EQ(fs().remove_xattr(inode, "user.a").error().code, Errc::no_attribute);
}

TEST_F(FilesystemXattrsTest, TrustedAttributesAreListedForRootAlone) {
  const Inode inode = write_file(collection_, "f", "x");
  ASSERT_TRUE(fs().set_xattr(inode, "trusted.t", "1", 0, kRoot));
  ASSERT_TRUE(fs().set_xattr(inode, "user.u", "1", 0, kRoot));
  EXPECT_EQ(*fs().list_xattrs(inode, kRoot), std::string("trusted.t\0user.u\0", 17));
  Caller other = kRoot;
  other.uid = other.gid = 1000;
  EXPECT_EQ(*fs().list_xattrs(inode, other), std::string("user.u\0", 7));
}

TEST_F(FilesystemXattrsTest, CapabilitiesThatAreGivenBetweenWritingAndClosingStay) {
  auto handle = create(collection_, "f");
  const Inode file = handle->file->inode;
  write(*handle, 0, "program");
  ASSERT_TRUE(fs().set_xattr(file, "security.capability", "all", 0, kRoot));
  EXPECT_EQ(*fs().get_xattr(file, "security.capability"), "all");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(*fs().get_xattr(file, "security.capability"), "all");
  EXPECT_EQ(value_of("f"), "program");
  handle = open(file);
  ASSERT_TRUE(fs().set_xattr(file, "security.capability", "all", 0, kRoot));
  write(*handle, 0, "another");
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_EQ(fs().get_xattr(file, "security.capability").error().code, Errc::no_attribute);
}

TEST_F(FilesystemXattrsTest, WritingAtAnyDoorTakesCapabilitiesAway) {
  const Inode inode = write_file(collection_, "f", "x");
  const auto give = [&] {
    ASSERT_TRUE(fs().set_xattr(inode, "security.capability", "all", 0, kRoot));
    ASSERT_TRUE(fs().set_xattr(inode, "user.kept", "1", 0, kRoot));
  };
  const auto has = [&] { return fs().get_xattr(inode, "security.capability").has_value(); };
  give();
  auto handle = open(inode, O_WRONLY);
  EXPECT_TRUE(has());
  write(*handle, 0, "y");
  EXPECT_FALSE(has()) << "not published yet";
  ASSERT_TRUE(close(std::move(handle)));
  EXPECT_FALSE(has());
  give();
  put_value("f", "z");
  EXPECT_FALSE(has());
  EXPECT_EQ(*fs().get_xattr(inode, "user.kept"), "1");
}

TEST_F(FilesystemXattrsTest, ANameIsMoreThanItsNamespace) {
  const Inode inode = write_file(collection_, "f", "x");
  for (const char* name : {"user.", "trusted.", "security."}) {
    EXPECT_EQ(fs().set_xattr(inode, name, "1", 0, kRoot).error().code, Errc::invalid) << name;
    EXPECT_EQ(fs().get_xattr(inode, name).error().code, Errc::invalid) << name;
  }
}

TEST_F(FilesystemXattrsTest, QuestionsAboutWhatIsNotOfferedAreRefusedForGood) {
  const Inode inode = write_file(collection_, "f", "x");
  EXPECT_EQ(to_errno(fs().get_xattr(inode, "security.selinux").error().code), EOPNOTSUPP);
  EXPECT_EQ(to_errno(fs().get_xattr(inode, "system.posix_acl_access").error().code), ENODATA);
  FilesystemOptions options;
  options.acls = false;
  open_filesystem(std::move(options));
  for (const char* name : {"security.selinux", "system.posix_acl_access", "system.posix_acl_default"})
    EXPECT_EQ(to_errno(fs().get_xattr(inode, name).error().code), EOPNOTSUPP) << name;
}

TEST_F(FilesystemXattrsTest, VirtualAttributesAreNotListed) {
  const Inode inode = write_file(collection_, "f", "x");
  EXPECT_FALSE(fs().get_xattr(inode, "user.kvfs.version")->empty());
  EXPECT_EQ(*fs().get_xattr(inode, "user.kvfs.type"), "bytes");
  EXPECT_EQ(*fs().list_xattrs(inode, kRoot), "");
}

TEST_F(FilesystemXattrsTest, ATimeToLiveLimitsHowLongTheKernelRemembers) {
  const Inode inode = write_file(collection_, "f", "x");
  ASSERT_TRUE(fs().set_xattr(inode, "user.kvfs.ttl", "90", 0, kRoot));
  EXPECT_EQ(*fs().get_xattr(inode, "user.kvfs.ttl"), "90");
  EXPECT_LE(fs().lookup(collection_, "f")->entry_timeout_s, 90);
  now_ns_ += 91'000'000'000;
  EXPECT_EQ(inode_of(collection_, "f"), 0u);
}

TEST_F(FilesystemXattrsTest, FilesInheritTheDirectorysTimeToLive) {
  const Inode dir = directory(collection_, "d");
  ASSERT_TRUE(fs().set_xattr(dir, "user.kvfs.default_ttl", "1h", 0, kRoot));
  EXPECT_EQ(*fs().get_xattr(write_file(dir, "f", "x"), "user.kvfs.ttl"), "3600");
}

TEST_F(FilesystemXattrsTest, IfMatchMakesThePublicationFailWhenTheKeyChanged) {
  const Inode inode = write_file(collection_, "f", "x");
  const std::string version = *fs().get_xattr(inode, "user.kvfs.version");
  auto handle = open(inode);
  ASSERT_TRUE(fs().set_xattr(inode, "user.kvfs.if_match", version, 0, kRoot));
  put_value("f", "other");
  write(*handle, 0, "mine!");
  EXPECT_EQ(to_errno(fs().flush(*handle).error().code), ESTALE);
  fs().release(std::move(handle));
  EXPECT_EQ(value_of("f"), "other");
}

TEST_F(FilesystemXattrsTest, BadValuesAreRefusedWithAReason) {
  const Inode inode = write_file(collection_, "f", "x");
  for (const char* value : {"", "x", "-1", "5 minutes", "99999999999999999999"}) {
    const auto done = fs().set_xattr(inode, "user.kvfs.ttl", value, 0, kRoot);
    ASSERT_FALSE(done) << value;
    EXPECT_EQ(done.error().code, Errc::invalid);
    EXPECT_FALSE(done.error().detail.empty());
  }
  EXPECT_EQ(fs().set_xattr(inode, "user.kvfs.version", "1", 0, kRoot).error().code, Errc::not_permitted);
}

}  // namespace
}  // namespace kvfs
