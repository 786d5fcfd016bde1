// How a mount begins and ends: it answers when the command returns, ends by signal or unmount without loss, and a dead
// one is cleared by the next.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/mounts.h"
#include "tests/support/wait.h"

namespace kvfs::test {
namespace {

class EndingTest : public ::testing::Test {
 protected:
  EndingTest() {
    output_of("mkdir -p " + kvfs.at(""));
    write_file(kvfs.at("closed"), "closed long ago");
    open_file = ::open(kvfs.at("open").c_str(), O_CREAT | O_WRONLY, 0644);
  }
  ~EndingTest() override { ::close(open_file); }

  void write_and_leave_open() { ASSERT_EQ(::write(open_file, "written", 7), 7); }
  void expect_all_there_after_a_restart() {
    EXPECT_FALSE(is_mounted(kvfs.mount_point()));
    ::close(open_file);
    kvfs.start();
    EXPECT_EQ(read_file(kvfs.at("closed")), "closed long ago");
    EXPECT_EQ(read_file(kvfs.at("open")), "written");
  }
  KvfsProcess kvfs;
  int open_file = -1;
};

TEST_F(EndingTest, SigtermPublishesWhatOpenFilesHold) {
  write_and_leave_open();
  EXPECT_EQ(kvfs.stop(SIGTERM), 0) << kvfs.log();
  expect_all_there_after_a_restart();
}

TEST_F(EndingTest, SigintPublishesWhatOpenFilesHold) {
  write_and_leave_open();
  EXPECT_EQ(kvfs.stop(SIGINT), 0) << kvfs.log();
  expect_all_there_after_a_restart();
}

TEST_F(EndingTest, ALazyUnmountEndsTheDaemonOnceTheLastFileIsClosed) {
  write_and_leave_open();
  output_of("fusermount3 -u -z " + kvfs.mount_point());
  EXPECT_FALSE(is_mounted(kvfs.mount_point()));
  ::close(open_file);
  EXPECT_EQ(kvfs.wait(), 0) << kvfs.log();
  expect_all_there_after_a_restart();
}

TEST_F(EndingTest, UnmountByFusermountEndsTheDaemon) {
  write_and_leave_open();
  ::close(open_file);
  output_of("fusermount3 -u " + kvfs.mount_point());
  EXPECT_EQ(kvfs.wait(), 0) << kvfs.log();
  expect_all_there_after_a_restart();
}

TEST_F(EndingTest, UnmountByUmountEndsTheDaemon) {
  write_and_leave_open();
  ::close(open_file);
  output_of("umount " + kvfs.mount_point());
  EXPECT_EQ(kvfs.wait(), 0) << kvfs.log();
  expect_all_there_after_a_restart();
}

TEST(FileSizeLimitTest, IsToldAsAFullDiskIsAndPassesWithTheLimit) {
  KvfsProcess kvfs;
  HttpClient http = kvfs.http();
  const std::string value(20'000, 'v');
  ASSERT_EQ(http.put("/v1/default/before", value).status, 201);
  const auto limit_to = [&](rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(kvfs.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  };
  limit_to(4096);
  EXPECT_EQ(http.put("/v1/default/large", value).status, 507);
  EXPECT_EQ(http.put("/v1/default/small", "1").status, 507);
  EXPECT_EQ(try_write_file(kvfs.at("file"), value), ENOSPC);
  EXPECT_EQ(http.get("/v1/default/before").body, value);
  limit_to(RLIM_INFINITY);
  EXPECT_EQ(http.put("/v1/default/large", value).status, 201);
  EXPECT_EQ(try_write_file(kvfs.at("file"), value), 0);
}

TEST(ReadAheadTest, TheKernelReadsAheadAsFarAsIsConfigured) {
  const auto kilobytes = [](Environment environment) {
    KvfsOptions options;
    options.environment = std::move(environment);
    const KvfsProcess kvfs(options);
    wait_until([&] { return kvfs.log().find("mounted at") != std::string::npos; });
    struct stat root {};
    EXPECT_EQ(::stat(kvfs.mount_point().c_str(), &root), 0);
    return std::stoi(read_file("/sys/class/bdi/" + std::to_string(major(root.st_dev)) + ":" +
                               std::to_string(minor(root.st_dev)) + "/read_ahead_kb"));
  };
  EXPECT_EQ(kilobytes({}), 256);
  EXPECT_EQ(kilobytes({{"KVFS_MOUNT_READ_AHEAD", "1M"}}), 1024);
  EXPECT_LT(kilobytes({{"KVFS_MOUNT_READ_AHEAD", "0"}}), 256) << "the kernel's own";
}

TEST(StaleMountTest, IsClearedByTheNextStart) {
  KvfsProcess kvfs;
  kvfs.http().put("/v1/default/k", "v");
  for (int round = 0; round < 3; ++round) {
    kvfs.kill();
    EXPECT_TRUE(is_mounted(kvfs.mount_point()));
    EXPECT_TRUE(has_lost_its_daemon(kvfs.at(""))) << list_error(kvfs.at(""));
    kvfs.start();
    EXPECT_EQ(read_file(kvfs.at("k")), "v");
    EXPECT_EQ(mounts_below(kvfs.mount_point()).size(), 1U);
  }
}

TEST(StaleMountTest, AMountPointInUseByAnotherFileSystemIsNotCovered) {
  const TempDir files;
  const std::string point = files / "mnt";
  make_directory(point);
  ASSERT_EQ(::mount("kvfs-test", point.c_str(), "tmpfs", 0, "size=1m"), 0);
  write_file(point + "/precious", "x");
  const auto result = shell("KVFS_HTTP_LISTEN= KVFS_RESP_LISTEN= KVFS_STORE_PATH=" + files / "store" + " timeout 20 " +
                            kvfs_executable() + " mount -f " + point);
  EXPECT_TRUE(result.exit_code != 0 && result.exit_code != 124) << result.exit_code << result.err;
  EXPECT_EQ(try_read_file(point + "/precious").value_or("covered"), "x");
  while (is_mounted(point)) ::umount2(point.c_str(), MNT_DETACH);
}

/// A daemon in the background, as people start it.
class BackgroundTest : public ::testing::Test {
 protected:
  BackgroundTest() { make_directory(point); }
  ~BackgroundTest() override { detach(point); }

  ShellResult mount(const std::string& arguments = "") {
    return shell("KVFS_HTTP_LISTEN=" + listen + " KVFS_RESP_LISTEN= KVFS_STORE_PATH=" + files / "store" +
                 " timeout 60 " + kvfs_executable() + " mount " + arguments + " " + point);
  }
  TempDir files;
  const std::string point = files / "mnt";
  std::string listen = "127.0.0.1:" + std::to_string(free_port());
};

TEST_F(BackgroundTest, TheCommandReturnsWhenTheMountAndTheListenerAnswer) {
  const auto result = mount();
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  // no waiting here: that is the point
  EXPECT_TRUE(exists(point + "/.kvfs/version"));
  EXPECT_EQ(shell("curl -sSf " + listen + "/health").exit_code, 0);
  output_of("mkdir -p " + point + "/t/c && echo x > " + point + "/t/c/k");
  output_of("fusermount3 -u " + point);
  // the next one must be able to lock the store: the first has ended, or ends at once
  ASSERT_TRUE(wait_until([&] { return mount().exit_code == 0; }));
  EXPECT_EQ(read_file(point + "/t/c/k"), "x\n");
  output_of("fusermount3 -u " + point);
}

TEST_F(BackgroundTest, AMountRightAfterAnUnmountWaitsForTheEndOfTheOneBefore) {
  ASSERT_EQ(mount().exit_code, 0);
  for (int round = 0; round < 5; round++) {
    output_of("mkdir -p " + point + "/t/c/" + std::to_string(round));
    output_of("umount " + point);
    const auto again = mount("-o store.lock_wait=50s");
    ASSERT_EQ(again.exit_code, 0) << round << ": " << again.err;
    EXPECT_TRUE(exists(point + "/t/c/" + std::to_string(round)));
  }
  output_of("umount " + point);
}

TEST_F(BackgroundTest, AFailureIsReportedByTheCommandItself) {
  listen = "256.0.0.1:1";
  const auto result = mount();
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err, "");
  EXPECT_FALSE(is_mounted(point));
}

TEST_F(BackgroundTest, OptionsOfFstabAreTaken) {
  const auto result = mount("-o rw,noatime,_netdev,nofail,x-systemd.automount,allow_other");
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_TRUE(exists(point + "/.kvfs"));
  output_of("fusermount3 -u " + point);
}

TEST_F(BackgroundTest, AReadOnlyMountTakesNoWrites) {
  const auto result = mount("-o ro");
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(shell("mkdir " + point + "/t").exit_code, 0);
  output_of("fusermount3 -u " + point);
}

}  // namespace
}  // namespace kvfs::test
