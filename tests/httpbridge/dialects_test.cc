// The four HTTP dialects, as their documents describe them (docs/migration.md).
#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

const Fields kJsonType = {{"Content-Type", "application/json"}};
const Fields kFormType = {{"Content-Type", "application/x-www-form-urlencoded"}};  // what curl -d sends

TEST(RecordDialect, StoresReadsAndDeletesARecord) {
  Door door;
  const Answer stored = door.post("/record", R"({"key": "example_key", "value": "example_value"})", kJsonType);
  EXPECT_EQ(stored.status, 200);
  EXPECT_TRUE(stored.body.starts_with(R"({"success":true,)")) << stored.body;
  EXPECT_EQ(door.get("/record/example_key").body, R"({"key":"example_key","value":"example_value"})");
  EXPECT_EQ(door.get("/v1/default/example_key").body, "example_value");
  EXPECT_EQ(door.del("/record/example_key").status, 200);
  EXPECT_EQ(door.get("/record/example_key").status, 404);
  EXPECT_EQ(door.del("/record/example_key").status, 404);
}

TEST(RecordDialect, PartialUpdateMergesObjectsAndAppendsText) {
  Door door;
  door.post("/record", R"({"key":"o","value":{"name":"a","age":30,"pi":3.140}})");
  EXPECT_EQ(door.post("/record", R"({"key":"o","value":{"age":null,"city":"x"},"partialUpdate":true})").status, 200);
  EXPECT_EQ(door.get("/record/o").body, R"({"key":"o","value":{"name":"a","pi":3.140,"city":"x"}})");
  door.post("/record", R"({"key":"t","value":"one"})");
  EXPECT_EQ(door.post("/record", R"({"key":"t","value":" two","partialUpdate":true})").status, 200);
  EXPECT_EQ(door.get("/record/t").body, R"({"key":"t","value":"one two"})");
}

TEST(RecordDialect, PartialUpdateOfWhatIsNotThereIs404AndOfAnotherKind409) {
  Door door;
  EXPECT_EQ(door.post("/record", R"({"key":"none","value":"x","partialUpdate":true})").status, 404);
  door.post("/record", R"({"key":"t","value":"text"})");
  EXPECT_EQ(door.post("/record", R"({"key":"t","value":{"a":1},"partialUpdate":true})").status, 409);
  EXPECT_EQ(door.post("/record", R"({"key":"t","value":5,"partialUpdate":true})").status, 400);
}

TEST(RecordDialect, PingAndStatsAnswerJson) {
  Door door;
  EXPECT_EQ(door.get("/ping").status, 200);
  const Answer stats = door.get("/stats");
  EXPECT_EQ(stats.status, 200);
  EXPECT_NE(stats.body.find(R"("tenant":{"name":"default","keys":0)"), std::string::npos) << stats.body;
}

TEST(Dialects, HeedATimeToLiveWhereverItIsSaid) {
  const auto ttl_of = [](Door& door, const std::string& key) {
    return door.get("/v1/default/" + key).field("Kvfs-Ttl");
  };
  Door door;
  EXPECT_EQ(door.post("/record", R"({"key":"a","value":1,"ttl":60})").status, 200);
  EXPECT_EQ(door.put("/objects?ttl=61", R"({"key":"b","value":1})").status, 200);
  EXPECT_EQ(door.post("/put", R"({"key":"c","value":1})", {{"Kvfs-Ttl", "62"}}).status, 200);
  EXPECT_EQ(door.post("/kv/d?ttl=63", "v").status, 200);
  EXPECT_EQ(door.post("/bulk?ttl=64", R"({"e":1,"f":2})").status, 200);
  EXPECT_EQ(door.post("/batch",
                      R"({"items":[{"key":"g","value":1,"ttl":65},{"key":"h","value":1},)"
                      R"({"key":"i","value":1,"ttl":0}]})",
                      {{"Kvfs-Ttl", "66"}})
                .status,
            200);
  std::string all;
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) all += ttl_of(door, key) + " ";
  EXPECT_EQ(all, "60 61 62 63 64 64 65 66  ");
  EXPECT_EQ(door.post("/bulk?ttl=x", R"({"j":1})").status, 400);
  EXPECT_EQ(door.post("/batch", R"({"items":[{"key":"j","value":1,"ttl":-1}]})").status, 400);
}

TEST(KvDialect, KeepsRawBodies) {
  Door door;
  EXPECT_EQ(door.post("/kv/greeting", "hello world", kFormType).status, 200);
  const Answer text = door.get("/kv/greeting");
  EXPECT_EQ(text.body, "hello world");
  EXPECT_EQ(text.field("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(door.post("/kv/doc", R"({"a": 1})", kJsonType).status, 200);
  EXPECT_EQ(door.get("/kv/doc").body, R"({"a": 1})");
  EXPECT_EQ(door.get("/kv/doc").field("Content-Type"), "application/json");
  EXPECT_EQ(door.get("/kv/none").status, 404);
  EXPECT_EQ(door.get("/kv/none").body, R"({"error":"Key not found"})");
  EXPECT_EQ(door.del("/kv/greeting").status, 200);
  EXPECT_EQ(door.del("/kv/greeting").status, 404);
}

TEST(KvDialect, BulkWritesAllOrNothingAndRangesAreInclusive) {
  Door door;
  EXPECT_EQ(door.post("/bulk", R"({"a":"1","b":{"x": 2},"c":null,"d":"4"})", kFormType).status, 200);
  const Answer range = door.get("/bulk/range?start_key=a&end_key=c");
  EXPECT_EQ(range.body, R"({"a":"1","b":{"x":2},"c":null})");
  EXPECT_EQ(range.field("Kvfs-Truncated"), "");
  const std::string too_long(300, 'k');
  EXPECT_EQ(door.post("/bulk", R"({"e":"5",")" + too_long + R"(":"6"})").status, 400);
  EXPECT_EQ(door.get("/kv/e").status, 404);
}

TEST(KvDialect, ARangeSaysWhenItWasCutAndGoesOn) {
  HttpOptions options;
  options.max_range_response = 2;
  Door door(options);
  door.post("/bulk", R"({"a":"1","b":"2","c":"3"})");
  const Answer first = door.get("/bulk/range?start_key=a&end_key=z");
  EXPECT_EQ(first.body, R"({"a":"1","b":"2"})");
  EXPECT_EQ(first.field("Kvfs-Truncated"), "true");
  const Answer rest = door.get("/bulk/range?start_key=a&end_key=z&cursor=" + first.field("Kvfs-Cursor"));
  EXPECT_EQ(rest.body, R"({"c":"3"})");
  EXPECT_EQ(rest.field("Kvfs-Truncated"), "");
}

TEST(KvDialect, FoldsCaseOnDemand) {
  HttpOptions options;
  options.case_insensitive = true;
  Door door(options);
  door.post("/kv/Key123", "v");
  EXPECT_EQ(door.get("/kv/KEY123").body, "v");
  door.post("/bulk", R"({"ABC":"x"})");
  EXPECT_EQ(door.get("/bulk/range?start_key=ABC&end_key=ABC").body, R"({"abc":"x"})");
}

TEST(ObjectsDialect, AnswersToTheLetter) {
  Door door;
  EXPECT_EQ(door.get("/health").body, R"({"status":"healthy"})");
  const Answer stored =
      door.put("/objects", R"({"key": "user_123", "value": {"name": "John Doe", "age": 30}})", kJsonType);
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.body, R"({"message":"Object stored successfully","key":"user_123"})");
  EXPECT_EQ(door.get("/objects/user_123").body, R"({"key":"user_123","value":{"name":"John Doe","age":30}})");
  EXPECT_EQ(door.get("/objects").body, R"({"count":1,"objects":{"user_123":{"name":"John Doe","age":30}}})");
  EXPECT_EQ(door.del("/objects/user_123").body, R"({"message":"Object deleted successfully","key":"user_123"})");
  EXPECT_EQ(door.get("/objects/user_123").status, 404);
  EXPECT_EQ(door.get("/objects/user_123").body, R"({"error":"Key not found"})");
  EXPECT_EQ(door.del("/objects/user_123").status, 404);
  EXPECT_EQ(door.get("/objects").body, R"({"count":0,"objects":{}})");
}

TEST(ObjectsDialect, KeepsCollectionsApart) {
  Door door;
  door.put("/objects?collection=users", R"({"key":"u","value":1})");
  EXPECT_EQ(door.get("/objects/u").status, 404);
  EXPECT_EQ(door.get("/objects/u?collection=users").body, R"({"key":"u","value":1})");
  EXPECT_EQ(door.get("/objects?collection=users").body, R"({"count":1,"objects":{"u":1}})");
  EXPECT_EQ(door.get("/objects?collection=nobody").body, R"({"count":0,"objects":{}})");
}

TEST(ObjectsDialect, AnyJsonValueComesBackAsItWas) {
  for (const char* value :
       {"null", "true", "42", "3.14159", "1e400", "123456789012345678901234567890", "\"\"", "\"a\\u0000b\"",
        "[1,[2,{}]]", "{\"a\":{\"b\":[]}}", "\"{\\\"looks\\\":\\\"like JSON\\\"}\"", "\"\xc3\xa9\"", "0.1000"}) {
    Door door;
    ASSERT_EQ(door.put("/objects", std::string(R"({"key":"k","value":)") + value + "}").status, 200) << value;
    EXPECT_EQ(door.get("/objects/k").body, std::string(R"({"key":"k","value":)") + value + "}");
    EXPECT_EQ(door.get("/record/k").body, std::string(R"({"key":"k","value":)") + value + "}");
  }
}

TEST(ObjectsDialect, BadBodiesAre400) {
  Door door;
  for (const char* body :
       {"", "{", "[]", "\"x\"", R"({"value":1})", R"({"key":"","value":1})", R"({"key":5,"value":1})", R"({"key":"k"})",
        R"({"key":"k","value":1} x)", "{\"key\":\"\xff\",\"value\":1}", R"({"key":"k","value":nul})"}) {
    const Answer answer = door.put("/objects", body, kJsonType);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_TRUE(answer.body.starts_with("{\"error\":\"")) << answer.body;
  }
}

TEST(ObjectsDialect, BytesThatAreNoTextComeAsBase64AndGoBack) {
  Door door;
  door.put("/v1/default/bin", std::string("\x00\xff\x01", 3));
  EXPECT_EQ(door.get("/objects/bin").body, R"({"key":"bin","value":{"value":"AP8B","encoding":"base64"}})");
  EXPECT_EQ(door.put("/objects", R"({"key":"copy","value":"AP8B","encoding":"base64"})").status, 200);
  EXPECT_EQ(door.get("/v1/default/copy").body, std::string("\x00\xff\x01", 3));
}

TEST(ClusterDialect, AnswersToTheLetterAlsoWithoutAContentType) {
  Door door;
  EXPECT_EQ(door.post("/put", R"({"key":"user:1001","value":"Alice Smith"})", kJsonType).body, "OK");
  EXPECT_EQ(door.post("/put", R"({"key":"test:1","value":"hello"})", kFormType).body, "OK");
  EXPECT_EQ(door.get("/get?key=user:1001").body, "Alice Smith");
  EXPECT_EQ(door.get("/get?key=test:1").body, "hello");
  EXPECT_EQ(door.get("/get?key=none").status, 404);
  EXPECT_EQ(door.get("/get?key=none").body, "Not Found");
  EXPECT_EQ(
      door.post("/batch", R"({"items":[{"key":"product:101","value":"Laptop"},{"key":"product:102","value":"Mouse"},
      {"key":"product:103","value":"Keyboard"}]})",
                kFormType)
          .body,
      "Batch Processed");
  EXPECT_EQ(door.get("/scan?start=product:101&end=product:199").body,
            R"({"product:101":"Laptop","product:102":"Mouse","product:103":"Keyboard"})");
  EXPECT_EQ(door.get("/scan?start=product:101&end=product:102").body,
            R"({"product:101":"Laptop","product:102":"Mouse"})");
  EXPECT_EQ(door.post("/delete?key=user:1001", "").body, "Deleted");
  EXPECT_EQ(door.post("/delete?key=user:1001", "").body, "Deleted");
  EXPECT_EQ(door.get("/get?key=user:1001").status, 404);
}

TEST(ClusterDialect, ABatchWithABadItemStoresNothing) {
  Door door;
  const Answer answer = door.post("/batch", R"({"items":[{"key":"a","value":"1"},{"value":"2"}]})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("item 1"), std::string::npos) << answer.body;
  EXPECT_EQ(door.get("/get?key=a").status, 404);
  EXPECT_EQ(door.post("/batch", R"({"items":5})").status, 400);
  EXPECT_EQ(door.get("/get").status, 400);
}

TEST(ClusterDialect, MetricsAreJsonOrPrometheusAsAsked) {
  Door door;
  const Answer json = door.get("/metrics");
  EXPECT_EQ(json.field("Content-Type"), "application/json");
  for (const char* name :
       {"writes", "reads", "batches", "scans", "deletes", "errors", "compactions", "flushes", "wal_syncs"})
    EXPECT_NE(json.body.find(std::string("\"") + name + "\":"), std::string::npos) << name;
  const Answer text =
      door.get("/metrics", {{"Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}});
  EXPECT_EQ(text.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(text.body.find("kvfs_request_duration_seconds_bucket{door=\"http\",operation=\"read\",le=\"+Inf\"}"),
            std::string::npos);
}

TEST(Dialects, ReadWhatTheOthersWrote) {
  Door door;
  door.post("/record", R"({"key":"k","value":{"n": 1}})");
  EXPECT_EQ(door.get("/kv/k").body, R"({"n":1})");
  EXPECT_EQ(door.get("/get?key=k").body, R"({"n":1})");
  EXPECT_EQ(door.get("/objects/k").body, R"({"key":"k","value":{"n":1}})");
  EXPECT_EQ(door.get("/scan?start=k&end=k").body, R"({"k":{"n":1}})");
  EXPECT_EQ(door.get("/v1/default/k").field("Content-Type"), "application/json");
}

TEST(Dialects, WrongMethodsAre405WithAllow) {
  Door door;
  const Answer answer = door.ask("POST", "/get?key=x");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.field("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(door.ask("TRACE", "/kv/x").status, 405);
  EXPECT_EQ(door.get("/nowhere").status, 404);
}

TEST(Dialects, MethodsThatNobodyHereKnowsAre501) {
  Door door;
  for (const char* method : {"BREW", "get", "PROPFIND"}) {
    EXPECT_EQ(door.ask(method, "/kv/x").status, 501) << method;
    EXPECT_EQ(door.ask(method, "/nowhere").status, 501) << method;
  }
}

TEST(Dialects, OptionsTellsOfPatchesWhereTheyAreTaken) {
  Door door;
  const Answer value = door.ask("OPTIONS", "/v1/c/k");
  EXPECT_EQ(value.field("Accept-Patch"), "application/merge-patch+json, application/json-patch+json");
  EXPECT_EQ(door.ask("OPTIONS", "/kv/k").field("Accept-Patch"), "");
}

TEST(Dialects, TheRootLeadsProgramsToTheDocumentAndBrowsersToTheConsole) {
  Door door;
  const Answer program = door.get("/");
  EXPECT_EQ(program.status, 200);
  EXPECT_EQ(program.field("Content-Type"), "application/json");
  EXPECT_NE(program.body.find("\"/openapi.json\""), std::string::npos) << program.body;
  const Answer browser = door.ask("GET", "/", "", {{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}});
  EXPECT_TRUE(browser.head.starts_with("HTTP/1.1 303 See Other\r\n")) << browser.head;
  EXPECT_EQ(browser.field("Location"), "/ui");
  EXPECT_EQ(door.ask("DELETE", "/").status, 405);
}

}  // namespace
}  // namespace kvfs::http
