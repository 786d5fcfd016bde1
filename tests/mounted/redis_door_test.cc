// The Redis door beside the other two: one value, one expiry, one set of tenants.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

KvfsOptions with_resp() {
  KvfsOptions options;
  options.resp = true;
  return options;
}

class RedisDoorTest : public ::testing::Test {
 protected:
  /// `arguments` as typed after redis-cli, in shell syntax.
  std::string redis(const std::string& arguments) {
    return output_of("redis-cli -p " + std::to_string(kvfs.resp_port()) + " " + arguments);
  }
  KvfsProcess kvfs{with_resp()};
  HttpClient http = kvfs.http();
};

TEST_F(RedisDoorTest, AValueIsTheSameAtAllThreeDoors) {
  EXPECT_EQ(redis("SET user:1001 'Alice Smith'"), "OK");
  EXPECT_EQ(read_file(kvfs.at("user:1001")), "Alice Smith");
  EXPECT_EQ(http.get("/v1/default/user:1001").body, "Alice Smith");
  EXPECT_EQ(http.get("/get?key=user:1001").body, "Alice Smith");

  write_file(kvfs.at("by-file"), "from a file");
  EXPECT_EQ(redis("GET by-file"), "from a file");
  http.put("/v1/default/dir/by-http", "from http");
  EXPECT_EQ(redis("GET dir/by-http"), "from http");
  EXPECT_EQ(redis("SET http://example.com/x odd"), "OK");
  EXPECT_EQ(read_file(kvfs.at("http:/%:/example.com/x")), "odd");
}

TEST_F(RedisDoorTest, BytesPassThroughUnchanged) {
  const std::string bytes = random_bytes(300'000, 11);
  write_file(kvfs.scratch("bytes"), bytes);
  EXPECT_EQ(redis("-x SET raw < " + kvfs.scratch("bytes")), "OK");
  EXPECT_TRUE(read_file(kvfs.at("raw")) == bytes);
  write_file(kvfs.at("file"), bytes);
  redis("GET file > " + kvfs.scratch("out"));
  EXPECT_TRUE(read_file(kvfs.scratch("out")) == bytes + "\n");  // redis-cli ends with a newline
}

TEST_F(RedisDoorTest, ChangesShowThroughTheKernelsCachesAtOnce) {
  redis("SET key 0");
  for (int i = 1; i <= 20; ++i) {
    ASSERT_EQ(read_file(kvfs.at("key")), std::to_string(i - 1));
    ASSERT_EQ(redis("SET key " + std::to_string(i)), "OK");
  }
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{"key"});
  redis("APPEND key ' and more'");
  EXPECT_EQ(read_file(kvfs.at("key")), "20 and more");
  redis("SET second x");
  EXPECT_EQ(list_directory(kvfs.at("")), (std::vector<std::string>{"key", "second"}));
  EXPECT_EQ(redis("DEL key"), "1");
  EXPECT_FALSE(exists(kvfs.at("key")));
  EXPECT_EQ(http.get("/v1/default/key").status, 404);
}

TEST_F(RedisDoorTest, RemovalsByFileShowInRedis) {
  redis("MSET a 1 b 2 c 3");
  ASSERT_EQ(::unlink(kvfs.at("b").c_str()), 0);
  ASSERT_EQ(::rename(kvfs.at("c").c_str(), kvfs.at("d").c_str()), 0);
  EXPECT_EQ(redis("EXISTS a b c d"), "2");
  EXPECT_EQ(redis("--scan | sort | tr '\\n' ' '"), "a d ");
}

TEST_F(RedisDoorTest, ExpiryHoldsAtEveryDoor) {
  redis("SET key soon PX 300");
  EXPECT_TRUE(wait_until([&] { return !exists(kvfs.at("key")); }));
  EXPECT_EQ(http.get("/v1/default/key").status, 404);
  EXPECT_EQ(redis("EXISTS key"), "0");
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
}

TEST_F(RedisDoorTest, ARestartKeepsWhatWasAcknowledged) {
  redis("SET key kept");
  kvfs.kill();
  kvfs.start();
  EXPECT_EQ(redis("GET key"), "kept");
}

TEST_F(RedisDoorTest, ChannelsAreTheSameOverHttp) {
  const std::string by_http = kvfs.scratch("by-http"), by_redis = kvfs.scratch("by-redis");
  ChildProcess listener({"curl", "-sN", "-H", "Accept: text/event-stream", kvfs.url("/channels/news?pattern=w*")},
                        clean_environment(), by_http);
  EXPECT_TRUE(wait_until([&] { return redis("PUBSUB NUMSUB news") == "news\n1"; }));
  EXPECT_EQ(redis("PUBLISH news 'from redis'"), "1");
  EXPECT_EQ(redis("PUBLISH weather sun"), "1");
  EXPECT_TRUE(wait_until([&] { return read_file(by_http).find("sun") != std::string::npos; }));
  const std::string heard = read_file(by_http);
  EXPECT_NE(heard.find(R"(data: {"channel":"news","payload":"from redis"})"), std::string::npos) << heard;
  EXPECT_NE(heard.find(R"(data: {"channel":"weather","pattern":"w*","payload":"sun"})"), std::string::npos) << heard;

  ChildProcess subscriber({"redis-cli", "-p", std::to_string(kvfs.resp_port()), "SUBSCRIBE", "other"},
                          clean_environment(), by_redis);
  EXPECT_TRUE(
      wait_until([&] { return http.get("/channels/other").body.find("\"subscribers\":1") != std::string::npos; }));
  EXPECT_EQ(http.post("/channels/other", "from http").body, R"({"receivers":1})");
  EXPECT_TRUE(wait_until([&] { return read_file(by_redis).find("from http") != std::string::npos; }));
}

TEST_F(RedisDoorTest, LatenciesOfAllDoorsAreInTheMetrics) {
  redis("SET key value");
  read_file(kvfs.at("key"));
  http.get("/v1/default/key");
  const std::string metrics = http.get("/metrics?format=prometheus").body;
  for (const char* series :
       {R"(door="http",operation="read")", R"(door="resp",operation="set")", R"(door="resp",operation="transaction")",
        R"(door="fuse",operation="lookup")", R"(door="fuse",operation="read")"}) {
    const std::string count = "kvfs_request_duration_seconds_count{" + std::string(series) + "} ";
    const size_t at = metrics.find(count);
    ASSERT_NE(at, std::string::npos) << series;
    EXPECT_GT(std::stoull(metrics.substr(at + count.size())), 0u) << series;
  }
}

TEST(RedisTenantsTest, KeysOfOneTenantAreNotSeenByAnother) {
  KvfsOptions options = with_resp();
  options.api_keys = {{"key-of-one", "one"}, {"key-of-two", "two"}};
  const KvfsProcess kvfs(options);
  const auto redis = [&](const std::string& key, const std::string& command) {
    return shell("redis-cli --no-auth-warning -p " + std::to_string(kvfs.resp_port()) +
                 (key.empty() ? "" : " -a " + key) + " " + command)
        .out;
  };
  EXPECT_EQ(redis("key-of-one", "SET name of-one"), "OK\n");
  EXPECT_EQ(redis("key-of-two", "GET name"), "\n");
  EXPECT_EQ(redis("key-of-two", "SET name of-two"), "OK\n");
  EXPECT_EQ(read_file(kvfs.in_mount("one/default/name")), "of-one");
  EXPECT_EQ(kvfs.http("key-of-two").get("/v1/default/name").body, "of-two");
  EXPECT_NE(redis("", "GET name").find("NOAUTH"), std::string::npos);
  EXPECT_EQ(redis("wrong", "GET name").find("of-"), std::string::npos);
}

}  // namespace
}  // namespace kvfs::test
