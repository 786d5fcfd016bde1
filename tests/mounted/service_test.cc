// What service managers and mount(8) see: notices of readiness, SIGHUP, fstab.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/mounts.h"

namespace kvfs::test {
namespace {

/// The socket on which a service manager listens.
class NoticeSocket {
 public:
  explicit NoticeSocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    const timeval limit{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~NoticeSocket() { ::close(fd_); }
  NoticeSocket(const NoticeSocket&) = delete;
  NoticeSocket& operator=(const NoticeSocket&) = delete;

  std::string next() {
    char text[512];
    const ssize_t got = ::recv(fd_, text, sizeof text, 0);
    return got < 0 ? "nothing" : std::string(text, static_cast<size_t>(got));
  }

 private:
  const int fd_;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() { write_ini("quota_keys = 2\n"); }
  ~ServiceTest() override {
    unregister_for_cleanup(point);
    detach(point);
  }

  void write_ini(const std::string& of_tenant) {
    write_file(ini, "[tenant acme]\n" + of_tenant + "[http]\nlisten = 127.0.0.1:" + std::to_string(port) + "\n");
  }
  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {kvfs_executable()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  Environment environment() const {
    Environment all = clean_environment();
    all["NOTIFY_SOCKET"] = files / "notice";
    all["KVFS_STORE_PATH"] = files / "store";
    return all;
  }
  TempDir files;
  const std::string ini = files / "kvfs.ini";
  const std::string point = files / "mnt";
  const uint16_t port = free_port();
};

TEST_F(ServiceTest, TheServiceManagerIsToldOfReadinessReloadsAndTheEnd) {
  make_directory(point);
  NoticeSocket notices(files / "notice");
  ChildProcess daemon(command({"mount", "-f", "-c", ini, point}), environment(), files / "log");
  register_for_cleanup(point, daemon.pid());
  ASSERT_EQ(notices.next(), "READY=1") << read_file(files / "log");
  // no waiting here: ready means that the mount and the door answer
  output_of("mkdir " + point + "/acme/c && echo 1 > " + point + "/acme/c/a && echo 2 > " + point + "/acme/c/b");
  EXPECT_EQ(shell("curl -sSf http://127.0.0.1:" + std::to_string(port) + "/health").exit_code, 0);
  EXPECT_NE(shell("echo 3 > " + point + "/acme/c/c").exit_code, 0) << "beyond the quota";

  write_ini("quota_keys = 3\n");
  daemon.signal(SIGHUP);
  EXPECT_EQ(notices.next().substr(0, 11), "RELOADING=1");
  EXPECT_EQ(notices.next(), "READY=1");
  EXPECT_EQ(shell("echo 3 > " + point + "/acme/c/c").exit_code, 0) << "within the new quota";

  write_ini("quota_keys = many\n");
  daemon.signal(SIGHUP);
  EXPECT_EQ(notices.next().substr(0, 11), "RELOADING=1");
  EXPECT_EQ(notices.next(), "READY=1");
  EXPECT_EQ(read_file(point + "/acme/c/c"), "3\n");
  EXPECT_NE(shell("echo 4 > " + point + "/acme/c/d").exit_code, 0) << "what was in effect stays so";
  EXPECT_NE(read_file(files / "log").find("quota_keys"), std::string::npos);

  daemon.signal(SIGTERM);
  EXPECT_EQ(notices.next(), "STOPPING=1");
  EXPECT_EQ(daemon.wait(), 0) << read_file(files / "log");
  EXPECT_FALSE(is_mounted(point));
}

class MountHelperTest : public ::testing::Test {
 protected:
  MountHelperTest() { make_directory(point); }
  ~MountHelperTest() override { detach(point); }

  const std::string helper = std::getenv("KVFS_HELPER") ? std::getenv("KVFS_HELPER") : "";
  TempDir files;
  const std::string point = files / "mnt";
  const std::string settings = "KVFS=" + kvfs_executable() + " KVFS_HTTP_LISTEN= KVFS_RESP_LISTEN= ";
};

TEST_F(MountHelperTest, TakesTheArgumentsThatMountGivesIt) {
  ASSERT_NE(helper, "") << "KVFS_HELPER names contrib/mount.kvfs";
  const std::string store = files / "store";
  output_of(settings + helper + " " + store + " " + point + " -n -v -o rw,noatime,nofail,_netdev");
  output_of("mkdir -p " + point + "/t/c && echo x > " + point + "/t/c/k && umount " + point);
  ASSERT_TRUE(
      wait_until([&] { return shell(settings + helper + " " + store + " " + point + " -o ro -s").exit_code == 0; }));
  EXPECT_EQ(read_file(point + "/t/c/k"), "x\n");
  EXPECT_EQ(try_write_file(point + "/t/c/l", "x"), EROFS);
  output_of("umount " + point);
  EXPECT_EQ(shell(helper).exit_code, 1);
  EXPECT_EQ(shell(helper + " " + store + " " + point + " --odd").exit_code, 1);
  EXPECT_EQ(shell(settings + helper + " -f " + store + " " + point).exit_code, 1);
  EXPECT_EQ(shell(settings + helper + " " + store + " " + point + " -f").exit_code, 0);  // "fake": mounts nothing
  EXPECT_FALSE(is_mounted(point));
  const auto failed = shell(settings + helper + " " + store + " " + point + "/absent");
  EXPECT_EQ(failed.exit_code, 32);
  EXPECT_NE(failed.err.find("absent"), std::string::npos);
}

TEST_F(MountHelperTest, LinesOfFstabAreMountedByMount) {
  ASSERT_NE(helper, "") << "KVFS_HELPER names contrib/mount.kvfs";
  if (::geteuid() != 0 || shell("unshare -m true").exit_code != 0)
    GTEST_SKIP() << "makes a mount namespace: needs root";
  make_directory(files / "sbin");
  output_of("cp " + helper + " " + files / "sbin" + "/mount.kvfs");
  output_of("ln -s mount.kvfs " + files / "sbin" + "/mount.fuse.kvfs");
  write_file(files / "fstab",
             files / "store" + " " + point + " kvfs nofail,noatime,x-systemd.automount,mount.events_size_max=1M 0 0\n");
  // mount(8) looks for helpers in the system's directories only: in a namespace of its own this one is there.
  write_file(files / "script", "set -e; mount --bind " + files / "sbin" + " /usr/sbin\n" +                     //
                                   "mount -T " + files / "fstab" + " " + point + "\n" +                        //
                                   "mkdir -p " + point + "/t/c; echo by-fstab > " + point + "/t/c/k\n" +       //
                                   "findmnt -no FSTYPE,TARGET " + point + "; grep events_size_max " + point +  //
                                   "/.kvfs/config; mount -o remount,ro " + point + "; touch " + point +        //
                                   "/t/c/l 2>&1 | grep -o Read-only; mount -o remount,rw " + point +           //
                                   "; touch " + point + "/t/c/l; ls " + point +                                //
                                   "/t/c; pid=$(pgrep -n -f 'mount.*" + point + "'); umount " + point +        //
                                   "; while kill -0 $pid 2>/dev/null; do sleep 0.05; done\n" +                 //
                                   "mount -t kvfs -o ro " + files / "store" + " " + point + "\n" +             //
                                   "cat " + point + "/t/c/k; ! touch " + point + "/t/c/m 2>/dev/null; umount " + point);
  const auto done = shell(settings + "unshare -m bash " + files / "script");
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_NE(done.out.find("fuse.kvfs"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("events_size_max = 1M"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("by-fstab"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("Read-only\nk\nl\n"), std::string::npos) << done.out;  // remounted, and back
}

}  // namespace
}  // namespace kvfs::test
