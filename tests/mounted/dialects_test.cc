// Users of the stores that kvfs replaces type the commands of their old documentation; each is answered as it says.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "tests/support/curl.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

namespace json = boost::json;

const std::string kJsonType = " -H 'Content-Type: application/json' ";

// The store with /record: tenants by API key.
class RecordDialectTest : public ::testing::Test {
 protected:
  static KvfsOptions two_tenants() {
    KvfsOptions options;
    options.api_keys = {{"your-api-key-1", "tenant1"}, {"your-api-key-2", "tenant2"}};
    return options;
  }
  CurlAnswer ask(const std::string& arguments, const std::string& target, const std::string& key = "your-api-key-1") {
    return curl(arguments + " -H 'X-API-Key: " + key + "' " + quoted(kvfs.url(target)));
  }
  CurlAnswer post(const std::string& body) { return ask("-X POST" + kJsonType + "-d " + quoted(body), "/record"); }
  KvfsProcess kvfs{two_tenants()};
};

TEST_F(RecordDialectTest, TheDocumentedCommandsAnswer) {
  const auto stored = post(R"({"key": "example_key", "value": "example_value"})");
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_EQ(stored.json().at("success"), json::value(true));

  const auto found = ask("-X GET", "/record/example_key");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.json().at("key"), "example_key");
  EXPECT_EQ(found.json().at("value"), "example_value");

  const auto stats = ask("-X GET", "/stats");
  EXPECT_EQ(stats.status, 200);
  EXPECT_TRUE(stats.json().is_object());

  EXPECT_EQ(ask("-X GET", "/ping").status, 200);

  const auto deleted = ask("-X DELETE", "/record/example_key");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.json().at("success"), json::value(true));
  EXPECT_EQ(ask("-X GET", "/record/example_key").status, 404);
  EXPECT_EQ(ask("-X DELETE", "/record/example_key").status, 404);
}

TEST_F(RecordDialectTest, PartialUpdatesAppendTextAndMergeObjects) {
  post(R"({"key": "text", "value": "one"})");
  EXPECT_EQ(post(R"({"key": "text", "value": ",two", "partialUpdate": true})").status, 200);
  EXPECT_EQ(ask("", "/record/text").json().at("value"), "one,two");
  EXPECT_EQ(read_file(kvfs.in_mount("tenant1/default/text")), "one,two");

  post(R"({"key": "object", "value": {"a": 1, "b": {"c": 2, "d": 3}}})");
  EXPECT_EQ(post(R"({"key": "object", "value": {"a": null, "b": {"c": 4}, "e": 5}, "partialUpdate": true})").status,
            200);
  EXPECT_EQ(json::parse(read_file(kvfs.in_mount("tenant1/default/object"))),
            json::parse(R"({"b": {"c": 4, "d": 3}, "e": 5})"));

  EXPECT_EQ(post(R"({"key": "absent", "value": "x", "partialUpdate": true})").status, 404);
}

TEST_F(RecordDialectTest, AWrongKeyOrNoneIsRefused) {
  EXPECT_EQ(ask("", "/record/x", "wrong").status, 401);
  EXPECT_EQ(curl(quoted(kvfs.url("/record/x"))).status, 401);
  EXPECT_EQ(curl("-X POST" + kJsonType + "-d '{\"key\":\"k\",\"value\":\"v\"}' " + quoted(kvfs.url("/record"))).status,
            401);
}

TEST_F(RecordDialectTest, MalformedRequestsAreRefusedWithAReason) {
  for (const std::string body : {"", "{", "[]", R"({"value": "no key"})", R"({"key": "", "value": "x"})"}) {
    const auto answer = post(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_TRUE(answer.json().as_object().contains("error")) << answer.body;
  }
}

TEST_F(RecordDialectTest, TwoTenantsDoNotSeeEachOther) {
  post(R"({"key": "shared_name", "value": "of tenant 1"})");
  EXPECT_EQ(ask("", "/record/shared_name", "your-api-key-2").status, 404);
  EXPECT_EQ(ask("-X DELETE", "/record/shared_name", "your-api-key-2").status, 404);
  const std::string bearer = " -H 'Authorization: Bearer your-api-key-2' ";
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/kv/shared_name"))).status, 404);
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/objects/shared_name"))).status, 404);
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/get?key=shared_name"))).status, 404);
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/v1/default/shared_name"))).status, 404);
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/objects"))).json(), json::parse(R"({"count": 0, "objects": {}})"));
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/scan?start=a&end=z"))).json(), json::object());

  EXPECT_EQ(curl(bearer + "--data-binary 'of tenant 2' " + quoted(kvfs.url("/kv/shared_name"))).status / 100, 2);
  EXPECT_EQ(read_file(kvfs.in_mount("tenant1/default/shared_name")), "of tenant 1");
  EXPECT_EQ(read_file(kvfs.in_mount("tenant2/default/shared_name")), "of tenant 2");
  // a key cannot climb out of its tenant either
  EXPECT_EQ(curl(bearer + "--path-as-is " + quoted(kvfs.url("/kv/../../tenant1/default/shared_name"))).status / 100, 4);
  EXPECT_EQ(curl(bearer + quoted(kvfs.url("/kv/..%2f..%2ftenant1%2fdefault%2fshared_name"))).status, 404);
  // nor can rename move a value between tenants
  EXPECT_NE(shell("ln tenant1/default/shared_name tenant2/default/linked", kvfs.mount_point()).exit_code, 0);
}

// The store with /kv.
class KvDialectTest : public ::testing::Test {
 protected:
  CurlAnswer ask(const std::string& arguments, const std::string& target) {
    return curl(arguments + " " + quoted(kvfs.url(target)));
  }
  KvfsProcess kvfs;
};

TEST_F(KvDialectTest, SingleKeysRoundTripAsRawBodies) {
  EXPECT_EQ(ask("-X POST -d 'plain text'", "/kv/key1").status / 100, 2);
  const auto found = ask("", "/kv/key1");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.body, "plain text");
  EXPECT_EQ(ask("-X POST" + kJsonType + R"(-d '{"a": [1, 2]}')", "/kv/key1").status / 100, 2);
  EXPECT_EQ(ask("", "/kv/key1").body, R"({"a": [1, 2]})");  // the bytes as they came
  EXPECT_EQ(ask("-X DELETE", "/kv/key1").status / 100, 2);
  EXPECT_EQ(ask("", "/kv/key1").status, 404);
  EXPECT_EQ(ask("-X DELETE", "/kv/key1").status, 404);
}

TEST_F(KvDialectTest, BulkStoresAMapAndRangesAreInclusive) {
  EXPECT_EQ(
      ask("-X POST" + kJsonType + R"(-d '{"a1": "one", "a2": "two", "a3": {"n": 3}, "b1": "other"}')", "/bulk").status /
          100,
      2);
  const auto range = ask("", "/bulk/range?start_key=a1&end_key=a3");
  EXPECT_EQ(range.status, 200);
  EXPECT_NE(range.body.find("one"), std::string::npos);
  EXPECT_NE(range.body.find("a3"), std::string::npos);
  EXPECT_EQ(range.body.find("other"), std::string::npos);
  EXPECT_EQ(read_file(kvfs.at("a2")), "two");
}

TEST_F(KvDialectTest, ABulkWithABadKeyStoresNothing) {
  const std::string body = R"({"good": "1", ")" + std::string(300, 'x') + R"(": "2"})";
  EXPECT_EQ(ask("-X POST" + kJsonType + "-d " + quoted(body), "/bulk").status, 400);
  EXPECT_EQ(ask("", "/kv/good").status, 404);
}

TEST_F(KvDialectTest, ALongRangeIsCutAtTheLimitAndSaysSo) {
  json::object all;
  for (int i = 0; i < 1'500; ++i) all["k" + std::to_string(10'000 + i)] = i;
  write_file(kvfs.scratch("bulk"), json::serialize(all));
  EXPECT_EQ(ask("-X POST" + kJsonType + "--data-binary @" + kvfs.scratch("bulk"), "/bulk").status / 100, 2);
  const auto first = ask("", "/bulk/range?start_key=k10000&end_key=k99999");
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(first.body.find("k10999"), std::string::npos);
  EXPECT_EQ(first.body.find("k11000"), std::string::npos);
  const auto headers =
      output_of("curl -sS -o /dev/null -D - " + quoted(kvfs.url("/bulk/range?start_key=k10000&end_key=k99999")));
  EXPECT_NE((headers + first.body).find("runcated"), std::string::npos) << headers;
}

// The store with /objects.
class ObjectsDialectTest : public ::testing::Test {
 protected:
  CurlAnswer ask(const std::string& arguments, const std::string& target) {
    return curl(arguments + " " + quoted(kvfs.url(target)));
  }
  CurlAnswer put(const std::string& body, const std::string& query = "") {
    return ask("-X PUT" + kJsonType + "-d " + quoted(body), "/objects" + query);
  }
  KvfsProcess kvfs;
};

TEST_F(ObjectsDialectTest, HealthAnswersTheExactBody) {
  const auto health = ask("", "/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, R"({"status":"healthy"})");
}

TEST_F(ObjectsDialectTest, TheDocumentedCommandsAnswer) {
  const std::string user = R"({"name": "John Doe", "email": "john@example.com", "age": 30})";
  const auto stored = put(R"({"key": "user_123", "value": )" + user + "}");
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.body, R"({"message":"Object stored successfully","key":"user_123"})");
  EXPECT_EQ(put(R"({"key": "user_123", "value": {"name": "John Doe"}})", "?collection=users").status, 200);

  EXPECT_EQ(ask("", "/objects/user_123").json(), json::parse(R"({"key": "user_123", "value": )" + user + "}"));
  EXPECT_EQ(ask("", "/objects/user_123?collection=users").json(),
            json::parse(R"({"key": "user_123", "value": {"name": "John Doe"}})"));

  put(R"({"key": "user_456", "value": {"name": "Jane Smith"}})");
  EXPECT_EQ(ask("", "/objects").json(), json::parse(R"({"count": 2, "objects": {"user_123": )" + user +
                                                    R"(, "user_456": {"name": "Jane Smith"}}})"));
  EXPECT_EQ(ask("", "/objects?collection=users").json().at("count"), json::value(1));

  const auto deleted = ask("-X DELETE", "/objects/user_123");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.body, R"({"message":"Object deleted successfully","key":"user_123"})");
  EXPECT_EQ(ask("", "/objects/user_123").status, 404);
  EXPECT_TRUE(ask("", "/objects/user_123").json().as_object().contains("error"));
  EXPECT_EQ(ask("-X DELETE", "/objects/user_123").status, 404);
  EXPECT_EQ(ask("-X DELETE", "/objects/user_123?collection=users").status, 200);
}

TEST_F(ObjectsDialectTest, EveryKindOfJsonValueRoundTrips) {
  const std::vector<std::string> values = {
      "\"example text\"",
      "42",
      "3.14159",
      "-0.5e-7",
      "true",
      "false",
      "null",
      "[1, 2, 3]",
      "[]",
      "{}",
      "\"\"",
      R"("null")",
      R"("42")",
      R"("{\"not\": \"an object\"}")",
      R"("\u00e9\u4e2d\ud83d\ude00\n\t\"")",
      R"({"id": "order_123", "items": [{"product": "laptop", "price": 999.99}], "none": null})",
      "9007199254740993",
      "18446744073709551615"};
  for (const std::string& value : values) {
    EXPECT_EQ(put(R"({"key": "k", "value": )" + value + "}").status, 200) << value;
    EXPECT_EQ(ask("", "/objects/k").json().at("value"), json::parse(value)) << value;
  }
}

TEST_F(ObjectsDialectTest, CollectionsAreIsolatedAndAreDirectories) {
  put(R"({"key": "k", "value": "in users"})", "?collection=users");
  EXPECT_EQ(ask("", "/objects/k").status, 404);
  EXPECT_EQ(ask("", "/objects/k?collection=products").status, 404);
  EXPECT_EQ(read_file(kvfs.in_mount("default/users/k")), "in users");
}

TEST_F(ObjectsDialectTest, InvalidInputIsRefusedWithAReason) {
  for (const std::string body : {"", "nonsense", "{}", R"({"value": 1})", R"({"key": "no_value"})",
                                 R"({"key": 5, "value": 1})", R"({"key": "", "value": 1})"}) {
    const auto answer = put(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_TRUE(answer.json().as_object().contains("error")) << answer.body;
  }
}

// The store with /put and /get.
class PutGetDialectTest : public ObjectsDialectTest {
 protected:
  CurlAnswer post(const std::string& target, const std::string& body, const std::string& type = kJsonType) {
    return ask("-X POST" + type + "-d " + quoted(body), target);
  }
};

TEST_F(PutGetDialectTest, TheDocumentedCommandsAnswer) {
  const auto stored = post("/put", R"({"key":"user:1001","value":"Alice Smith"})");
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.body, "OK");
  EXPECT_EQ(post("/put", R"({"key":"test:1","value":"hello"})", " ").body, "OK");  // curl's own content type
  EXPECT_EQ(ask("", "/get?key=user:1001").body, "Alice Smith");
  EXPECT_EQ(ask("", "/get?key=test:1").body, "hello");

  const auto batch = post(
      "/batch",
      R"({"items": [{"key":"product:101","value":"Laptop"}, {"key":"product:102","value":"Mouse"},)"
      R"({"key":"product:103","value":"Keyboard"}]})");
  EXPECT_EQ(batch.status, 200);
  EXPECT_EQ(batch.body, "Batch Processed");
  EXPECT_EQ(ask("", "/scan?start=product:101&end=product:199").json(),
            json::parse(R"({"product:101": "Laptop", "product:102": "Mouse", "product:103": "Keyboard"})"));
  EXPECT_EQ(ask("", "/scan?start=product:101&end=product:102").json().as_object().size(), 2U);

  const auto deleted = ask("-X POST", "/delete?key=user:1001");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.body, "Deleted");
  const auto absent = ask("", "/get?key=user:1001");
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(absent.body, "Not Found");
}

TEST_F(PutGetDialectTest, ABatchOfAHundredPipedFromJqIsScanned) {
  const auto batch = curl(
      "-X POST " + quoted(kvfs.url("/batch")) +
      R"( -d @- < <(for i in {1..100}; do echo "{\"key\":\"prod:$i\",\"value\":\"item-$i\"}"; done)"
      R"( | jq -s '{items:.}'))");
  EXPECT_EQ(batch.body, "Batch Processed");
  const auto keys = ask("", "/scan?start=prod:1&end=prod:50").json().as_object();
  EXPECT_EQ(keys.at("prod:50"), "item-50");
  EXPECT_EQ(keys.size(),
            47U);  // in byte order prod:1 ... prod:50 leaves out prod:6..9 and prod:51..99 but has prod:100
}

TEST_F(PutGetDialectTest, MetricsCountInJson) {
  const auto before = ask("", "/metrics").json().as_object();
  for (const char* name :
       {"writes", "reads", "batches", "scans", "deletes", "errors", "compactions", "flushes", "wal_syncs"}) {
    EXPECT_TRUE(before.contains(name)) << name;
  }
  post("/put", R"({"key":"a","value":"b"})");
  ask("", "/get?key=a");
  const auto after = ask("", "/metrics").json().as_object();
  EXPECT_GT(after.at("writes").to_number<int64_t>(), before.at("writes").to_number<int64_t>());
  EXPECT_GT(after.at("reads").to_number<int64_t>(), before.at("reads").to_number<int64_t>());
}

TEST_F(PutGetDialectTest, AScraperGetsPrometheusText) {
  const auto text = ask("-H 'Accept: text/plain;version=0.0.4'", "/metrics");
  EXPECT_EQ(text.status, 200);
  EXPECT_NE(text.body.find("# TYPE "), std::string::npos) << text.body.substr(0, 200);
}

TEST_F(PutGetDialectTest, OverwritesAreReadBackTenTimes) {
  for (int i = 0; i < 10; ++i) {
    const std::string value = "v" + std::to_string(i);
    post("/put", R"({"key":"versioned:key","value":")" + value + "\"}");
    EXPECT_EQ(ask("", "/get?key=versioned:key").body, value);
  }
}

}  // namespace
}  // namespace kvfs::test
