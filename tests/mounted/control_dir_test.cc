// The control directory: there by name, absent from listings, so that no copy takes it along.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class ControlDirTest : public ::testing::Test {
 protected:
  ControlDirTest() {
    HttpClient http = kvfs.http();
    http.put("/v1/default/a", "12345");
    http.put("/v1/default/b", "12345");
  }
  KvfsProcess kvfs;
};

TEST_F(ControlDirTest, IsThereByNameAtTheRootAndInEachTenantButNotListed) {
  for (const char* directory : {"", "default"}) {
    const auto names = list_directory(kvfs.in_mount(directory));
    EXPECT_EQ(std::count(names.begin(), names.end(), ".kvfs"), 0) << directory;
    EXPECT_TRUE(S_ISDIR(stat_of(kvfs.in_mount(std::string(directory) + "/.kvfs")).st_mode)) << directory;
  }
  EXPECT_EQ(output_of("find . -name .kvfs; ls -a | grep -c kvfs || true", kvfs.mount_point()), "0");
}

TEST_F(ControlDirTest, ListsItsOwnFiles) {
  const auto names = list_directory(kvfs.in_mount(".kvfs"));
  for (const char* name : {"stats", "stats.json", "version", "config"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
}

TEST_F(ControlDirTest, StatsAreNameAndValueLinesAndTheSameAsJson) {
  const std::string stats = read_file(kvfs.in_mount(".kvfs/stats"));
  EXPECT_EQ(output_of("grep -cvE '^[a-z0-9_.]+: .*$' .kvfs/stats || true", kvfs.mount_point()), "0") << stats;
  const auto parsed = boost::json::parse(read_file(kvfs.in_mount(".kvfs/stats.json"))).as_object();
  EXPECT_FALSE(parsed.empty());
  for (const auto& field : parsed)
    EXPECT_NE(("\n" + stats).find("\n" + std::string(field.key()) + ": "), std::string::npos) << field.key();
  EXPECT_EQ(kvfs.stat("keys"), "2") << stats;
}

TEST_F(ControlDirTest, StatsAreFreshAtEachRead) {
  kvfs.http().put("/v1/default/c", "x");
  EXPECT_EQ(kvfs.stat("keys"), "3");
  write_file(kvfs.at("d"), "x");
  EXPECT_EQ(kvfs.stat("keys"), "4");
}

TEST_F(ControlDirTest, ATenantsStatsAreItsOwn) {
  output_of("mkdir -p other/collection; echo x > other/collection/key", kvfs.mount_point());
  EXPECT_EQ(output_of("grep ^keys: other/.kvfs/stats", kvfs.mount_point()), "keys: 1");
  EXPECT_EQ(output_of("grep ^keys: .kvfs/stats", kvfs.mount_point()), "keys: 3");
}

TEST_F(ControlDirTest, VersionIsThatOfTheExecutable) {
  const std::string version = read_file(kvfs.in_mount(".kvfs/version"));
  const std::string printed = output_of(kvfs_executable() + " --version");
  const std::string number = version.substr(0, version.find('\n'));
  EXPECT_NE(printed.find(number.substr(number.rfind(' ') + 1)), std::string::npos) << printed << " and " << version;
}

TEST_F(ControlDirTest, ConfigShowsTheEffectiveValues) {
  const std::string config = read_file(kvfs.in_mount(".kvfs/config"));
  EXPECT_NE(config.find(kvfs.store_path()), std::string::npos) << config;
  EXPECT_NE(config.find("127.0.0.1:" + std::to_string(kvfs.http_port())), std::string::npos) << config;
}

TEST_F(ControlDirTest, ConfigMasksTheKeys) {
  KvfsOptions options;
  options.api_keys = {{"very-secret-key", "acme"}};
  const KvfsProcess with_keys(options);
  const std::string config = read_file(with_keys.in_mount(".kvfs/config"));
  EXPECT_EQ(config.find("very-secret-key"), std::string::npos) << config;
}

TEST_F(ControlDirTest, CannotBeRemovedRenamedOrFilled) {
  EXPECT_NE(shell("rmdir .kvfs || rm -rf .kvfs/stats", kvfs.mount_point()).exit_code, 0);
  EXPECT_NE(shell("mv .kvfs elsewhere", kvfs.mount_point()).exit_code, 0);
  EXPECT_NE(try_write_file(kvfs.in_mount(".kvfs/new"), "x"), 0);
  EXPECT_NE(try_write_file(kvfs.in_mount(".kvfs/stats"), "x"), 0);
  EXPECT_NE(shell("mkdir default/.kvfs", kvfs.mount_point()).exit_code, 0);
  EXPECT_TRUE(exists(kvfs.in_mount(".kvfs/stats")));
}

TEST_F(ControlDirTest, LastErrorTellsNobodyOfOthersKeys) {
  output_of("mkdir -m 755 mine other; chown 1234 mine; chown 1235 other", kvfs.mount_point());
  const auto as = [&](const char* uid, const std::string& command) {
    return output_of(std::string("setpriv --reuid=") + uid + " --regid=1234 --clear-groups sh -c " + quoted(command),
                     kvfs.mount_point());
  };
  as("1234", "! touch mine/secret-1234 2>/dev/null");
  as("1235", "! touch other/secret-1235 2>/dev/null");
  EXPECT_EQ(as("1234", "grep -c 'only collections' mine/.kvfs/last_error"), "1");
  EXPECT_EQ(as("1234", "grep -c . .kvfs/last_error"), "1");
  EXPECT_EQ(as("1234", "cat other/.kvfs/last_error"), "");
  EXPECT_EQ(output_of("grep -c 'only collections' .kvfs/last_error", kvfs.mount_point()), "2");
}

}  // namespace
}  // namespace kvfs::test
