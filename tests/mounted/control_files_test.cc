// Events, channels and metrics as files, read with the tools that people have.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

std::vector<boost::json::object> lines_of(const std::string& text) {
  std::vector<boost::json::object> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(boost::json::parse(line).as_object());
  return lines;
}

std::string member(const boost::json::object& line, std::string_view name) {
  const auto* const value = line.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

class ControlFilesTest : public ::testing::Test {
 protected:
  static KvfsOptions with_resp() {
    KvfsOptions options;
    options.resp = true;
    return options;
  }
  std::vector<boost::json::object> events(const std::string& file = ".kvfs/events") {
    return lines_of(read_file(kvfs.in_mount(file)));
  }
  KvfsProcess kvfs{with_resp()};
  HttpClient http = kvfs.http();
};

using EventFilesTest = ControlFilesTest;

TEST_F(EventFilesTest, EveryChangeOfEveryDoorIsALineAndReadingEnds) {
  http.put("/v1/default/by-http", "12345");
  write_file(kvfs.at("by-file"), "x");
  http.del("/v1/default/by-http");
  std::vector<std::string> seen;
  for (const auto& line : events())
    if (member(line, "collection") == "default" && !member(line, "key").empty())
      seen.push_back(member(line, "tenant") + " " + member(line, "kind") + " " + member(line, "key"));
  ASSERT_GE(seen.size(), 4u);
  EXPECT_EQ(seen.front(), "default put by-http");
  EXPECT_EQ(seen.back(), "default remove by-http");
  EXPECT_NE(std::find(seen.begin(), seen.end(), "default put by-file"), seen.end());
}

TEST_F(EventFilesTest, TheyResumeAfterAnIdWhichIsTheOneThatHttpTells) {
  http.put("/v1/default/a", "1");
  const std::string id = member(events().back(), "id");
  http.put("/v1/default/b", "2");
  const auto rest = events(".kvfs/events.since/" + id);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(member(rest[0], "key"), "b");
  const std::string polled = http.get("/v1/default?watch=poll&after=" + id).body;
  EXPECT_NE(polled.find("\"id\":\"" + member(rest[0], "id") + "\""), std::string::npos) << polled;
  EXPECT_EQ(stat_error(kvfs.in_mount(".kvfs/events.since/not-an-id")), ENOENT);
}

TEST_F(EventFilesTest, ATenantsAreItsOwn) {
  output_of("mkdir -p other/collection; echo x > other/collection/mine", kvfs.mount_point());
  http.put("/v1/default/not-mine", "1");
  bool any = false;
  for (const auto& line : events("other/.kvfs/events")) {
    EXPECT_NE(member(line, "key"), "not-mine");
    EXPECT_EQ(line.if_contains("tenant"), nullptr);
    any = any || member(line, "key") == "mine";
  }
  EXPECT_TRUE(any);
}

TEST_F(EventFilesTest, TailFollowsThem) {
  const std::string out = kvfs.scratch("tail.out");
  http.put("/v1/default/before", "1");
  ChildProcess tail({"/usr/bin/tail", "-n", "1", "-s", "0.05", "-f", kvfs.in_mount(".kvfs/events")},
                    clean_environment(), out);
  ASSERT_TRUE(wait_until([&] { return read_file(out).find("\"before\"") != std::string::npos; })) << read_file(out);
  for (int i = 0; i < 100; i++) http.put("/v1/default/later" + std::to_string(i), "1");
  EXPECT_TRUE(wait_until([&] { return read_file(out).find("\"later99\"") != std::string::npos; })) << read_file(out);
  tail.kill();
  // Each once, in order.
  std::vector<std::string> keys;
  for (const auto& line : lines_of(read_file(out))) keys.push_back(member(line, "key"));
  ASSERT_EQ(keys.size(), 101u);
  for (size_t i = 0; i < 100; i++) EXPECT_EQ(keys[i + 1], "later" + std::to_string(i));
}

TEST(EventFilesLimitsTest, WhoComesTooLateIsToldThatSomethingWasMissed) {
  KvfsOptions options;
  options.environment = {{"KVFS_STORE_FEED_CHANGES_MAX", "100"}};
  KvfsProcess kvfs(options);
  HttpClient http = kvfs.http();
  http.put("/v1/default/first", "1");
  const std::string id = member(lines_of(read_file(kvfs.in_mount(".kvfs/events"))).back(), "id");
  for (int i = 0; i < 150; i++) http.put("/v1/default/k" + std::to_string(i), "1");
  const auto rest = lines_of(read_file(kvfs.in_mount(".kvfs/events.since/" + id)));
  ASSERT_EQ(rest.size(), 101u);
  EXPECT_NE(rest[0].if_contains("missed"), nullptr);
  EXPECT_EQ(member(rest.back(), "key"), "k149");
  const auto all = lines_of(read_file(kvfs.in_mount(".kvfs/events")));
  EXPECT_EQ(all.size(), 100u);
  EXPECT_EQ(all[0].if_contains("missed"), nullptr);
}

using ChannelFilesTest = ControlFilesTest;

TEST_F(ChannelFilesTest, ALineWrittenReachesRedisSubscribersAndFilesAlike) {
  const std::string by_redis = kvfs.scratch("redis.out");
  ChildProcess subscriber({"/usr/bin/redis-cli", "-p", std::to_string(kvfs.resp_port()), "subscribe", "news"},
                          clean_environment(), by_redis);
  ASSERT_TRUE(wait_until([&] { return read_file(by_redis).find("subscribe") != std::string::npos; }));
  const std::string by_tail = kvfs.scratch("tail.out");
  ChildProcess tail({"/usr/bin/tail", "-s", "0.05", "-f", kvfs.in_mount("default/.kvfs/channels/news")},
                    clean_environment(), by_tail);
  // Two subscribers: redis-cli, and the file that tail has open.
  const auto redis = "redis-cli -p " + std::to_string(kvfs.resp_port()) + " ";
  ASSERT_TRUE(wait_until([&] { return output_of(redis + "pubsub numsub news").find('2') != std::string::npos; }));
  output_of("echo from a file > default/.kvfs/channels/news", kvfs.mount_point());
  output_of(redis + "publish news 'from redis'");
  EXPECT_TRUE(wait_until([&] { return read_file(by_tail) == "from a file\nfrom redis\n"; })) << read_file(by_tail);
  EXPECT_TRUE(wait_until([&] { return read_file(by_redis).find("from a file") != std::string::npos; }));
  subscriber.kill();
  tail.kill();
  EXPECT_TRUE(wait_until([&] { return output_of(redis + "pubsub channels") == ""; }));
}

TEST_F(ChannelFilesTest, TheRootsDirectoryNamesTheTenant) {
  output_of("mkdir other", kvfs.mount_point());
  const int reader = open(kvfs.in_mount(".kvfs/channels/other/news").c_str(), O_RDONLY);
  ASSERT_GE(reader, 0);
  output_of("echo mine > other/.kvfs/channels/news; echo not mine > default/.kvfs/channels/news", kvfs.mount_point());
  char text[64] = {};
  EXPECT_EQ(read(reader, text, sizeof text), 5);
  EXPECT_STREQ(text, "mine\n");
  EXPECT_EQ(read(reader, text, sizeof text), 0);
  EXPECT_EQ(output_of("ls .kvfs/channels/other", kvfs.mount_point()), "news");
  close(reader);  // the kernel tells of it a little later
  EXPECT_TRUE(wait_until([&] { return output_of("ls .kvfs/channels/other", kvfs.mount_point()).empty(); }));
  EXPECT_EQ(stat_error(kvfs.in_mount(".kvfs/channels/nobody/news")), ENOENT);
}

using ControlFileTest = ControlFilesTest;

TEST_F(ControlFileTest, CommandsAreWrittenAndTheirAnswersRead) {
  EXPECT_NE(read_file(kvfs.in_mount(".kvfs/control")).find("sync"), std::string::npos);
  output_of("echo sync > .kvfs/control", kvfs.mount_point());
  EXPECT_EQ(read_file(kvfs.in_mount(".kvfs/control")).find("error"), std::string::npos);
  const auto refused = shell("echo frobnicate > .kvfs/control", kvfs.mount_point());
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("Invalid argument"), std::string::npos) << refused.err;
  EXPECT_NE(read_file(kvfs.in_mount(".kvfs/control")).find("frobnicate"), std::string::npos);
  EXPECT_NE(read_file(kvfs.in_mount(".kvfs/last_error")).find("frobnicate"), std::string::npos);
  http.put("/v1/default/a", "1");
  const std::string copy = kvfs.scratch("copy");
  output_of("echo backup " + copy + " > .kvfs/control", kvfs.mount_point());
  EXPECT_TRUE(exists(copy)) << read_file(kvfs.in_mount(".kvfs/control"));
}

TEST_F(ControlFileTest, ATenantMayNotDoWhatConcernsAll) {
  http.put("/v1/default/a", "1");
  const std::string copy = kvfs.scratch("copy");
  EXPECT_NE(shell("echo backup " + copy + " > default/.kvfs/control", kvfs.mount_point()).exit_code, 0);
  EXPECT_FALSE(exists(copy));
}

TEST_F(ControlFileTest, ABackupIntoTheMountItselfIsRefused) {
  http.put("/v1/default/a", "1");
  output_of("ln -s " + kvfs.mount_point() + "/default " + kvfs.scratch("link"));
  for (const std::string& into : {kvfs.at("copy"), kvfs.scratch("link/default/copy"), kvfs.in_mount("copy")}) {
    const auto refused = shell("echo backup " + into + " > .kvfs/control", kvfs.mount_point());
    EXPECT_NE(refused.err.find("Invalid argument"), std::string::npos) << into << refused.err;
    EXPECT_NE(read_file(kvfs.in_mount(".kvfs/control")).find("another file system"), std::string::npos) << into;
    EXPECT_FALSE(exists(into));
  }
  EXPECT_NE(shell(kvfs_executable() + " backup --store " + kvfs.store_path() + " " + kvfs.at("copy")).exit_code, 0);
}

using MetricsFileTest = ControlFilesTest;

TEST_F(MetricsFileTest, TheyAreThoseOfHttpAndATenantsItsOwn) {
  http.put("/v1/default/a", "12345");
  const auto names = [](const std::string& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("# TYPE")) all.push_back(line);
    return all;
  };
  const std::string text = read_file(kvfs.in_mount(".kvfs/metrics"));
  EXPECT_EQ(names(text), names(http.get("/metrics?format=prometheus").body));
  EXPECT_NE(text.find("\nkvfs_keys 1\n"), std::string::npos) << text;
  output_of("mkdir other", kvfs.mount_point());
  EXPECT_NE(read_file(kvfs.in_mount("other/.kvfs/metrics")).find("\nkvfs_keys 0\n"), std::string::npos);
}

}  // namespace
}  // namespace kvfs::test
