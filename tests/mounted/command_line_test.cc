// The command line and the configuration: what is printed, which setting wins, and one clear line for each mistake.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "tests/support/curl.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/mounts.h"

namespace kvfs::test {
namespace {

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() { make_directory(point); }
  ~CommandLineTest() override { detach(point); }

  /// Runs kvfs with these settings before it and these arguments; it must end by itself.
  ShellResult run(const std::string& arguments, const std::string& settings = "") {
    return shell("KVFS_STORE_PATH=" + files / "store" + " KVFS_HTTP_LISTEN= KVFS_RESP_LISTEN= " + settings +
                 " timeout 30 " + kvfs_executable() + " " + arguments);
  }
  /// It fails, says `cause` in one line on standard error, and leaves no mount.
  void expect_refused(const ShellResult& result, const std::string& cause) {
    EXPECT_TRUE(result.exit_code != 0 && result.exit_code < 124) << result.exit_code;
    EXPECT_NE(result.err.find(cause), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_FALSE(is_mounted(point));
  }
  std::string ini(const std::string& text) {
    write_file(files / "kvfs.ini", text);
    return "-c " + files / "kvfs.ini" + " ";
  }
  TempDir files;
  const std::string point = files / "mnt";
};

TEST_F(CommandLineTest, VersionAndHelpAnswer) {
  EXPECT_EQ(run("--version").exit_code, 0);
  EXPECT_NE(run("--version").out.find("kvfs"), std::string::npos);
  const auto help = run("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("mount"), std::string::npos);
  EXPECT_NE(help.out.find("serve"), std::string::npos);
}

TEST_F(CommandLineTest, ATakenPortIsFoundBeforeAnythingIsMounted) {
  KvfsOptions options;
  options.mount = false;
  const KvfsProcess other(options);
  const std::string port = std::to_string(other.http_port());
  // The mount point is missing, too: what is said first was tried first.
  const auto result = run("mount -f " + files / "missing", "KVFS_HTTP_LISTEN=127.0.0.1:" + port);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err.find(port), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("missing"), std::string::npos) << result.err;
}

TEST_F(CommandLineTest, AnUnknownCommandOrOptionIsRefused) {
  EXPECT_NE(run("frobnicate").exit_code, 0);
  EXPECT_NE(run("mount --frobnicate " + point).exit_code, 0);
}

TEST_F(CommandLineTest, AMissingMountPointIsNamed) {
  expect_refused(run("mount -f " + files / "absent"), files / "absent");
}

TEST_F(CommandLineTest, AMountPointThatIsAFileIsRefused) {
  write_file(files / "file", "x");
  expect_refused(run("mount -f " + files / "file"), files / "file");
}

TEST_F(CommandLineTest, APortInUseIsNamedWithWhatToDo) {
  const KvfsProcess other;
  const std::string port = std::to_string(other.http_port());
  expect_refused(run("mount -f " + point, "KVFS_HTTP_LISTEN=127.0.0.1:" + port), port);
}

TEST_F(CommandLineTest, ALockedStoreIsNamed) {
  const KvfsProcess other;
  expect_refused(run("mount -f " + point, "KVFS_STORE_PATH=" + other.store_path()), other.store_path());
  EXPECT_TRUE(exists(other.in_mount(".kvfs/version")));
}

TEST_F(CommandLineTest, AStoreThatCannotBeMadeIsNamed) {
  write_file(files / "file", "x");
  expect_refused(run("mount -f " + point, "KVFS_STORE_PATH=" + files / "file/store"), files / "file");
}

TEST_F(CommandLineTest, AnUnknownKeyIsNamedWithFileAndLine) {
  expect_refused(run(ini("[http]\nlisten =\nlissten = 1\n") + "--check-config"), "kvfs.ini:3");
  expect_refused(run("mount -f " + ini("[http]\nlisten =\nlissten = 1\n") + point), "lissten");
  expect_refused(run(ini("[htpt]\nlisten =\n") + "--check-config"), "htpt");
}

TEST_F(CommandLineTest, ABadNumberIsNamedWithItsKey) {
  expect_refused(run(ini("[store]\nmax_size = many\n") + "--check-config"), "max_size");
  expect_refused(run("--check-config", "KVFS_STORE_MAX_SIZE=many"), "KVFS_STORE_MAX_SIZE");
  expect_refused(run("--check-config", "KVFS_STORE_FSYNC=sometimes"), "sometimes");
  expect_refused(run("--check-config", "KVFS_STORE_PAHT=/x"), "KVFS_STORE_PAHT");
}

TEST_F(CommandLineTest, AMissingConfigurationFileIsNamed) {
  expect_refused(run("-c " + files / "absent.ini" + " --check-config"), "absent.ini");
}

TEST_F(CommandLineTest, KindsOfMistakesHaveExitCodesOfTheirOwn) {
  const KvfsProcess other;
  const int configuration = run("--check-config", "KVFS_STORE_FSYNC=sometimes").exit_code;
  const int locked = run("mount -f " + point, "KVFS_STORE_PATH=" + other.store_path()).exit_code;
  const int port =
      run("mount -f " + point, "KVFS_HTTP_LISTEN=127.0.0.1:" + std::to_string(other.http_port())).exit_code;
  const int mount_point = run("mount -f " + files / "absent").exit_code;
  EXPECT_NE(configuration, locked);
  EXPECT_NE(locked, port);
  EXPECT_NE(port, mount_point);
  EXPECT_NE(mount_point, configuration);
}

TEST_F(CommandLineTest, CheckConfigAcceptsTheShippedFileAndAnEmptyOne) {
  EXPECT_EQ(run(ini("") + "--check-config").exit_code, 0);
  const char* shipped = std::getenv("KVFS_SHIPPED_INI");
  ASSERT_NE(shipped, nullptr);
  const auto result = run(std::string("-c ") + shipped + " --check-config");
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(CommandLineTest, PrintConfigShowsEffectiveValuesAndTheirOrigin) {
  const auto printed = run(ini("[store]\nfsync = strict\n[http]\nlisten = 127.0.0.1:4444\n") + "--print-config",
                           "KVFS_HTTP_LISTEN=127.0.0.1:5555");
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_NE(printed.out.find("strict"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("kvfs.ini"), std::string::npos) << printed.out;        // the file as origin
  EXPECT_NE(printed.out.find("127.0.0.1:5555"), std::string::npos) << printed.out;  // the environment won
  EXPECT_NE(printed.out.find("KVFS_HTTP_LISTEN"), std::string::npos) << printed.out;
  EXPECT_EQ(printed.out.find("127.0.0.1:4444"), std::string::npos) << printed.out;
}

TEST_F(CommandLineTest, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  const std::string file = ini("[store]\nfsync = every=7\n");
  const auto effective = [&](const std::string& flags, const std::string& settings) {
    const auto printed = run(file + flags + " --print-config", settings);
    EXPECT_EQ(printed.exit_code, 0) << printed.err;
    std::string line = printed.out.substr(printed.out.find("\nfsync = ") + 1);
    return line.substr(0, line.find_first_of(" ;#\n", 8));
  };
  EXPECT_EQ(effective("", ""), "fsync = every=7");
  EXPECT_EQ(effective("", "KVFS_STORE_FSYNC=strict"), "fsync = strict");
  EXPECT_EQ(effective("-o store.fsync=default", "KVFS_STORE_FSYNC=strict"), "fsync = default");
}

TEST_F(CommandLineTest, TheNamesOfReplacedStoresWork) {
  const auto printed = shell("PORT=8099 DB_PATH=" + files / "db" + " " + kvfs_executable() + " --print-config");
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_NE(printed.out.find("8099"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find(files / "db"), std::string::npos) << printed.out;
}

TEST_F(CommandLineTest, SecretsAreMasked) {
  const auto printed = run(ini("[tenant acme]\nkeys = very-secret-key\n") + "--print-config");
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_EQ(printed.out.find("very-secret-key"), std::string::npos) << printed.out;
}

TEST_F(CommandLineTest, AListenerForOthersWithoutKeysIsRefused) {
  expect_refused(run("mount -f " + point, "KVFS_HTTP_LISTEN=0.0.0.0:" + std::to_string(free_port())), "0.0.0.0");
}

TEST(ServeTest, AnswersWithoutAMountAndKeepsItsDataForTheMount) {
  KvfsOptions options;
  options.mount = false;
  KvfsProcess kvfs(options);
  EXPECT_FALSE(is_mounted(kvfs.mount_point()));
  EXPECT_EQ(kvfs.http().put("/v1/default/k", "v").status / 100, 2);
  kvfs.restart();
  EXPECT_EQ(kvfs.http().get("/v1/default/k").body, "v");
  EXPECT_EQ(kvfs.stop(2), 0) << kvfs.log();
}

TEST(ServeTest, AnEmptyListenTurnsADoorOff) {
  const TempDir files;
  const auto resp_alone =
      shell("KVFS_STORE_PATH=" + files / "resp" + " KVFS_HTTP_LISTEN= KVFS_RESP_LISTEN=unix:" + files / "socket" + " " +
            kvfs_executable() + " serve & for i in $(seq 600); do redis-cli -s " + files / "socket" +
            " set a b 2>&1 | grep -q OK && break; sleep 0.1; done; redis-cli -s " + files / "socket" +
            " get a; kill $!; wait $!");
  EXPECT_EQ(resp_alone.exit_code, 0);
  EXPECT_NE(resp_alone.out.find("b\n"), std::string::npos) << resp_alone.out << resp_alone.err;
  const auto result = shell("KVFS_STORE_PATH=" + files / "store" +
                            " KVFS_HTTP_LISTEN= KVFS_RESP_LISTEN= timeout -s TERM 10 " + kvfs_executable() + " serve");
  EXPECT_NE(result.exit_code, 124) << "nothing to serve should be refused, not waited for";
}

}  // namespace
}  // namespace kvfs::test
