// The trash as users meet it: rm and mv, the other doors, a kill and a restart.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/wait.h"

namespace kvfs::test {
namespace {

class MountedTrashTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(shell("mkdir -p default/default", kvfs.mount_point()).exit_code, 0); }
  static KvfsOptions with_trash() {
    KvfsOptions options;
    options.environment = {{"KVFS_TRASH_KEEP", "1h"}};
    return options;
  }
  std::vector<std::string> trash() { return list_directory(kvfs.in_mount("default/.kvfs/trash")); }
  std::string in_trash(const std::string& name) { return kvfs.in_mount("default/.kvfs/trash/" + name); }
  /// A file that was open when it was removed comes when the kernel has told of its last close.
  bool holds(size_t count) {
    return wait_until([&] { return trash().size() == count; });
  }
  KvfsProcess kvfs{with_trash()};
};

TEST_F(MountedTrashTest, WhatRmTakesMvBringsBack) {
  const std::string large(200'000, 'x');
  ASSERT_EQ(shell("mkdir -p d/e && echo small > d/e/small", kvfs.at("")).exit_code, 0);
  write_file(kvfs.at("d/large"), large);
  struct stat before {};
  ASSERT_EQ(::stat(kvfs.at("d/large").c_str(), &before), 0);
  ASSERT_EQ(shell("rm -r d", kvfs.at("")).exit_code, 0);
  ASSERT_TRUE(holds(2));
  EXPECT_EQ(shell("find . -name '*large*'", kvfs.mount_point()).out, "");
  EXPECT_EQ(shell("cat *%small", in_trash("")).out, "small\n");
  ASSERT_EQ(shell("mv .kvfs/trash/*%large default/back && cat default/back | wc -c", kvfs.in_mount("default")).out,
            "200000\n");
  struct stat after {};
  ASSERT_EQ(::stat(kvfs.at("back").c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(read_file(kvfs.at("back")), large);
  EXPECT_EQ(kvfs.http().get("/v1/default/back").body, large);
  write_file(kvfs.at("back"), "changed");
  EXPECT_EQ(kvfs.http().get("/v1/default/back").body, "changed") << "an ordinary file again";
  ASSERT_EQ(shell("echo undelete default/d/e/small > .kvfs/control", kvfs.in_mount("default")).exit_code, 0);
  EXPECT_EQ(read_file(kvfs.at("d/e/small")), "small\n");
  EXPECT_EQ(shell("rm -r .kvfs/trash/* ; ls .kvfs/trash | wc -l", kvfs.in_mount("default")).out, "0\n");
}

TEST_F(MountedTrashTest, WhatOtherDoorsRemoveAndBringBackShowsAtOnce) {
  write_file(kvfs.at("f"), "bytes");
  EXPECT_EQ(read_file(kvfs.at("f")), "bytes");
  kvfs.http().del("/v1/default/f");
  EXPECT_NE(::access(kvfs.at("f").c_str(), F_OK), 0);
  ASSERT_TRUE(holds(1));
  const std::string list = kvfs.http().get("/trash").body;
  const size_t id = list.find("\"id\":\"") + 6;
  EXPECT_EQ(kvfs.http().post("/trash/" + list.substr(id, list.find('"', id) - id), "").status, 201);
  EXPECT_EQ(read_file(kvfs.at("f")), "bytes");
}

TEST_F(MountedTrashTest, MvOverAFileAndToAnotherTenantDoAsMvDoes) {
  write_file(kvfs.at("f"), "old");
  ASSERT_EQ(shell("rm f && echo -n new > f && mkdir -p ../../other/c", kvfs.at("")).exit_code, 0);
  EXPECT_EQ(read_file(kvfs.at("f")), "new");
  ASSERT_TRUE(holds(1));
  ASSERT_EQ(shell("mv -f .kvfs/trash/* default/f", kvfs.in_mount("default")).exit_code, 0);
  EXPECT_EQ(read_file(kvfs.at("f")), "old");
  ASSERT_TRUE(holds(1));
  ASSERT_EQ(shell("mv .kvfs/trash/* ../other/c/f", kvfs.in_mount("default")).exit_code, 0);
  EXPECT_EQ(read_file(kvfs.in_mount("other/c/f")), "new");
  EXPECT_TRUE(holds(0));
}

TEST_F(MountedTrashTest, KillLosesNeitherWhatWasRemovedNorWhatWasOpen) {
  write_file(kvfs.at("closed"), "closed");
  write_file(kvfs.at("open"), "open");
  const int fd = ::open(kvfs.at("open").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::unlink(kvfs.at("open").c_str()), 0);
  ASSERT_EQ(::unlink(kvfs.at("closed").c_str()), 0);
  kvfs.kill();
  ::close(fd);
  kvfs.start();
  ASSERT_TRUE(holds(2));
  EXPECT_EQ(shell("cat *%open *%closed", in_trash("")).out, "openclosed");
  kvfs.stop();
  EXPECT_EQ(shell(kvfs_executable() + " check " + kvfs.store_path(), "/").exit_code, 0);
  kvfs.start();
}

}  // namespace
}  // namespace kvfs::test
