// Changes beyond PUT: patches, actions, batches, collections and tenants.
#include <gtest/gtest.h>
#include <malloc.h>

#include "httpbridge/json_patch.h"
#include "httpbridge/json_text.h"
#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

const Fields kMerge = {{"Content-Type", "application/merge-patch+json"}};
const Fields kPatch = {{"Content-Type", "application/json-patch+json"}};

TEST(Patch, AppendsToSmallLargeAndAbsentValues) {
  Door door;
  EXPECT_EQ(door.patch("/v1/c/k?append", "one").status, 201);
  EXPECT_EQ(door.patch("/v1/c/k?append", " two").status, 204);
  EXPECT_EQ(door.get("/v1/c/k").body, "one two");
  std::string bytes(200'000, 'a');
  door.put("/v1/c/large", bytes, {{"Content-Type", "text/x-log"}});
  for (int i = 0; i < 20; ++i) {
    const std::string line(7'777, static_cast<char>('b' + i));
    EXPECT_EQ(door.patch("/v1/c/large?append", line).status, 204);
    bytes += line;
  }
  EXPECT_TRUE(door.get("/v1/c/large").body == bytes);
  EXPECT_EQ(door.get("/v1/c/large").field("Content-Type"), "text/x-log");
}

TEST(Patch, AppendingGrowsASmallValueIntoALargeOne) {
  Door door;
  std::string bytes;
  for (int i = 0; i < 30; ++i) {
    const std::string line(1'000, static_cast<char>('a' + i % 26));
    door.patch("/v1/c/k?append", line);
    bytes += line;
  }
  EXPECT_TRUE(door.get("/v1/c/k").body == bytes);
}

TEST(Patch, WritesARangeOfBytes) {
  Door door;
  door.put("/v1/c/k", "0123456789");
  EXPECT_EQ(door.patch("/v1/c/k?offset=3", "abc").status, 204);
  EXPECT_EQ(door.get("/v1/c/k").body, "012abc6789");
  EXPECT_EQ(door.patch("/v1/c/k", "XY", {{"Content-Range", "bytes 8-9/*"}}).status, 204);
  EXPECT_EQ(door.get("/v1/c/k").body, "012abc67XY");
  EXPECT_EQ(door.patch("/v1/c/k", "XYZ", {{"Content-Range", "bytes 8-9/*"}}).status, 400);
  EXPECT_EQ(door.patch("/v1/c/k?offset=-1", "x").status, 400);
  EXPECT_EQ(door.patch("/v1/c/k?offset=18446744073709551615", "x").status, 413);
  EXPECT_EQ(door.patch("/v1/c/k?offset=12", "!").status, 204);
  EXPECT_EQ(door.get("/v1/c/k").body, std::string("012abc67XY\0\0!", 13));
  std::string large(300'000, 'x');
  door.put("/v1/c/large", large);
  const std::string middle(100'000, 'y');
  door.patch("/v1/c/large?offset=65000", middle);
  large.replace(65'000, middle.size(), middle);
  EXPECT_TRUE(door.get("/v1/c/large").body == large);
}

TEST(Patch, MergesJson) {
  Door door;
  door.put("/v1/c/k", R"({"a":"b","c":{"d":"e","f":"g"}})", {{"Content-Type", "application/json"}});
  EXPECT_EQ(door.patch("/v1/c/k", R"({"a":"z","c":{"f":null}})", kMerge).status, 204);
  EXPECT_EQ(door.get("/v1/c/k").body, R"({"a":"z","c":{"d":"e"}})");
  EXPECT_EQ(door.patch("/v1/c/new", R"({"a":1,"b":null})", kMerge).status, 201);
  EXPECT_EQ(door.get("/v1/c/new").body, R"({"a":1})");
  EXPECT_EQ(door.get("/v1/c/new").field("Content-Type"), "application/json");
  EXPECT_EQ(door.patch("/v1/c/k", "{", kMerge).status, 400);
  door.put("/v1/c/text", "no JSON");
  EXPECT_EQ(door.patch("/v1/c/text", "{}", kMerge).status, 409);
  EXPECT_EQ(door.patch("/v1/c/k", "x", {{"Content-Type", "text/plain"}}).status, 415);
  EXPECT_NE(door.patch("/v1/c/k", "x").field("Accept-Patch"), "");
  EXPECT_EQ(door.patch("/v1/c/case", "{}", {{"Content-Type", "Application/Merge-Patch+JSON; charset=utf-8"}}).status,
            201);
}

TEST(Patch, HoldsToConditions) {
  Door door;
  const std::string tag = door.put("/v1/c/k", "{}").field("ETag");
  EXPECT_EQ(door.patch("/v1/c/k", R"({"a":1})", {kMerge[0], {"If-Match", tag}}).status, 204);
  EXPECT_EQ(door.patch("/v1/c/k", R"({"a":2})", {kMerge[0], {"If-Match", tag}}).status, 412);
  EXPECT_EQ(door.patch("/v1/c/k?append", "x", {{"If-Match", tag}}).status, 412);
  EXPECT_EQ(door.patch("/v1/c/none?append", "x", {{"If-Match", "*"}}).status, 412);
  EXPECT_EQ(door.get("/v1/c/k").body, R"({"a":1})");
}

// The examples of RFC 7396, appendix A.
TEST(MergePatch, DoesAsTheStandardSays) {
  const char* const cases[][3] = {{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                                  {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                                  {R"({"a":"b"})", R"({"a":null})", "{}"},
                                  {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
                                  {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                                  {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
                                  {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
                                  {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
                                  {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
                                  {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
                                  {R"({"a":"foo"})", "null", "null"},
                                  {R"({"a":"foo"})", R"("bar")", R"("bar")"},
                                  {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
                                  {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
                                  {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& c : cases) {
    JsonNode target = JsonNode::parse(c[0]);
    merge_patch(target, JsonNode::parse(c[1]));
    std::string out;
    target.append_to(out);
    EXPECT_EQ(out, c[2]) << c[0] << " with " << c[1];
  }
}

TEST(MergePatch, LargeObjectsAreMergedMemberByMember) {
  constexpr int kMembers = 100'000;  // a search through all of them for each would take minutes
  std::string document = "{", patch = "{", expected = "{";
  for (int i = 0; i < kMembers; ++i) {
    const std::string name = "\"m" + std::to_string(i) + "\":";
    document += (i == 0 ? "" : ",") + name + "1";
    patch += (i == 0 ? "" : ",") + name + (i % 2 == 0 ? "null" : "{\"a\":2}");
    if (i % 2 == 1) expected += (i == 1 ? "" : ",") + name + "{\"a\":2}";
  }
  document += "}";
  patch += "}";
  JsonNode target = JsonNode::parse(document);
  merge_patch(target, JsonNode::parse(patch));
  std::string out;
  target.append_to(out);
  EXPECT_TRUE(out == expected + "}");
}

TEST(JsonPatch, CopiesThatDoubleTheDocumentEndAtItsLimit) {
  HttpOptions options;
  options.memory_value_bytes_max = 100'000;
  Door door(options);
  door.put("/v1/c/k", R"({"a":1})", {{"Content-Type", "application/json"}});
  std::string patch, deeper;
  for (int i = 0; i < 64; ++i) {
    const std::string separator = i == 0 ? "[" : ",";
    patch += separator + R"({"op":"copy","from":"","path":"/k)" + std::to_string(i) + "\"}";
  }
  for (int i = 0; i < 2000; ++i) deeper += (i == 0 ? "[" : ",") + std::string(R"({"op":"copy","from":"","path":"/a"})");
  EXPECT_EQ(door.patch("/v1/c/k", patch + "]", {{"Content-Type", "application/json-patch+json"}}).status, 413);
  EXPECT_EQ(door.patch("/v1/c/k", deeper + "]", {{"Content-Type", "application/json-patch+json"}}).status, 400);
  EXPECT_EQ(door.get("/v1/c/k").body, R"({"a":1})");
  // What is replaced makes room.
  std::string replacing = "[";
  for (int i = 0; i < 9; ++i)
    replacing +=
        (i == 0 ? "" : ",") + std::string(R"({"op":"add","path":"/a","value":")") + std::string(90'000, 'x') + "\"}";
  EXPECT_EQ(door.patch("/v1/c/k", replacing + "]", {{"Content-Type", "application/json-patch+json"}}).status, 204);
}

// After the examples of RFC 6902, appendix A.
TEST(JsonPatch, DoesAsTheStandardSays) {
  const char* const cases[][3] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"foo":"bar","baz":"qux"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])", R"({"foo":["bar","qux","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])",
       R"({"baz":"boo","foo":"bar"})"},
      {R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
       R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {R"({"foo":["all","grass","cows","eat"]})", R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"baz":"qux","foo":["a",2,"c"]})",
       R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2.0}])",
       R"({"baz":"qux","foo":["a",2,"c"]})"},
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
       R"({"foo":"bar","child":{"grandchild":{}}})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])", R"({"/":9,"~1":10})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
       R"({"foo":["bar",["abc","def"]]})"},
      {R"({"a":1})", R"([{"op":"copy","from":"/a","path":"/b"}])", R"({"a":1,"b":1})"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":[]}])", "[]"}};
  for (const auto& c : cases) {
    JsonNode document = JsonNode::parse(c[0]);
    const auto done = json_patch(document, JsonNode::parse(c[1]));
    ASSERT_TRUE(done) << done.error().message();
    std::string out;
    document.append_to(out);
    EXPECT_EQ(out, c[2]) << c[1];
  }
}

TEST(JsonPatch, ComparesNumbersToTheirLastDigit) {
  const char* const equal[][2] = {{"1", "1.0"},
                                  {"100", "1e2"},
                                  {"0", "-0.0e7"},
                                  {"1e400", "10E+399"},
                                  {"0.001", "1e-3"},
                                  {"-1.50", "-15e-1"},
                                  {"1e99", "1e099"},
                                  {"[1,{\"a\":2}]", " [ 1.0, {\"a\" : 2e0} ]"},
                                  {"\"a\"", "\"\\u0061\""},
                                  {"{\"a\":1,\"b\":2}", "{\"b\":2,\"\\u0061\":1}"}};
  for (const auto& c : equal)
    EXPECT_TRUE(equal_json(JsonNode::parse(c[0]), JsonNode::parse(c[1]))) << c[0] << " " << c[1];
  const char* const different[][2] = {{"9007199254740992", "9007199254740993"},
                                      {"1e400", "1e401"},
                                      {"0.1", "0.10000000000000000001"},
                                      {"1", "-1"},
                                      {"1", "\"1\""},
                                      {"0", "false"},
                                      {"0", "null"},
                                      {"[]", "{}"},
                                      {"[1]", "[1,1]"},
                                      {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
                                      {"1e999999999999999999999", "1e999999999999999999998"}};
  for (const auto& c : different)
    EXPECT_FALSE(equal_json(JsonNode::parse(c[0]), JsonNode::parse(c[1]))) << c[0] << " " << c[1];
}

TEST(JsonPatch, PointersAreReadAsTheStandardSays) {
  Door door;
  door.put("/v1/c/k", R"({"\u0001":1,"~":2,"~1":3,"a/b":4,"":5})", {{"Content-Type", "application/json"}});
  for (const char* path : {"/~", "/a~", "/~2", "/~~0", "/a~1~"})
    EXPECT_EQ(door.patch("/v1/c/k", R"([{"op":"add","path":")" + std::string(path) + R"(","value":0}])", kPatch).status,
              400)
        << path;
  EXPECT_EQ(door.patch("/v1/c/k",
                       R"([{"op":"test","path":"/\u0001","value":1},{"op":"test","path":"/~0","value":2},)"
                       R"({"op":"test","path":"/~01","value":3},{"op":"test","path":"/a~1b","value":4},)"
                       R"({"op":"test","path":"/","value":5}])",
                       kPatch)
                .status,
            204);
}

TEST(JsonPatch, WhatNoOperationTouchesKeepsItsTokensAndLosesItsBlanks) {
  Door door;
  const std::string document = R"( { "a" : [ 1.50, { "x" : 1E2 , "\u0061" : "\u00e4 b" } ] , "b" : { } , "c":[] } )";
  door.put("/v1/c/k", document, {{"Content-Type", "application/json"}});
  const auto patched = [&](const std::string& patch) {
    EXPECT_EQ(door.patch("/v1/c/k", patch, kPatch).status, 204) << patch;
    return door.get("/v1/c/k").body;
  };
  EXPECT_EQ(patched(R"([{"op":"test","path":"/a/0","value":1.5}])"),
            R"({"a":[1.50,{"x":1E2,"\u0061":"\u00e4 b"}],"b":{},"c":[]})");
  EXPECT_EQ(
      patched(
          R"([{"op":"copy","from":"/a","path":"/b/a"},{"op":"add","path":"/a/1/a","value":[ 2 ]},)"
          R"({"op":"copy","from":"/a","path":"/c/-"},{"op":"remove","path":"/a/1/x"},{"op":"remove","path":"/a/0"}])"),
      R"({"a":[{"a":[2]}],"b":{"a":[1.50,{"x":1E2,"\u0061":"\u00e4 b"}]},"c":[[1.50,{"x":1E2,"a":[2]}]]})");
  EXPECT_EQ(
      patched(R"([{"op":"move","from":"/b/a","path":"/b"},{"op":"remove","path":"/c/0/1/x"},)"
              R"({"op":"add","path":"/c/0/1/","value":null},{"op":"replace","path":"/a/0/a/0","value":{"y":[ ]}}])"),
      R"({"a":[{"a":[{"y":[]}]}],"b":[1.50,{"x":1E2,"\u0061":"\u00e4 b"}],"c":[[1.50,{"a":[2],"":null}]]})");
}

TEST(JsonTree, TakesOnlyWhatIsLookedAtApart) {
  const auto used = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
  constexpr size_t kElements = 500'000;
  std::string digits = "[0", lists = "[[]";
  for (size_t i = 1; i < kElements; ++i) {
    digits += ",0";
    lists += ",[]";
  }
  digits += "]";
  lists += "]";
  const std::string text = "{\"digits\":" + digits + ",\"lists\":" + lists + "}";
  const size_t before = used();
  JsonNode document = JsonNode::parse(text);
  JsonNode* const array = document.member("digits");
  EXPECT_LT(used() - before, 10'000u);
  array->array().pop_back();
  EXPECT_LT(used() - before, digits.size() * 9);
  std::string out;
  document.append_to(out);
  EXPECT_EQ(out.size(), text.size() - 2);
}

TEST(JsonPatch, FailsAsAWhole) {
  Door door;
  door.put("/v1/c/k", R"({"a":[1]})");
  struct {
    const char* patch;
    int status;
  } const cases[] = {{R"([{"op":"replace","path":"/a/0","value":2},{"op":"test","path":"/a/0","value":3}])", 412},
                     {R"([{"op":"remove","path":"/b"}])", 409},
                     {R"([{"op":"add","path":"/x/y","value":1}])", 409},
                     {R"([{"op":"add","path":"/a/7","value":1}])", 409},
                     {R"([{"op":"add","path":"/a/01","value":1}])", 409},
                     {R"([{"op":"move","from":"/a","path":"/a/b"}])", 400},
                     {R"([{"op":"add","path":"a","value":1}])", 400},
                     {R"([{"op":"add","path":"/a"}])", 400},
                     {R"([{"op":"what","path":"/a"}])", 400},
                     {R"([{"path":"/a"}])", 400},
                     {R"({"op":"add"})", 400},
                     {"[1]", 400}};
  for (const auto& c : cases) EXPECT_EQ(door.patch("/v1/c/k", c.patch, kPatch).status, c.status) << c.patch;
  EXPECT_EQ(door.get("/v1/c/k").body, R"({"a":[1]})");
  EXPECT_EQ(door.patch("/v1/c/none", "[]", kPatch).status, 404);
}

TEST(Actions, Count) {
  Door door;
  EXPECT_TRUE(door.post("/v1/c/n?incr=5", "").body.starts_with(R"({"value":5,"version":")"));
  EXPECT_TRUE(door.post("/v1/c/n?incr=-7", "").body.starts_with(R"({"value":-2,)"));
  EXPECT_TRUE(door.post("/v1/c/n?incr", "").body.starts_with(R"({"value":-1,)"));
  EXPECT_EQ(door.get("/v1/c/n").body, "-1");
  door.put("/v1/c/n", "9223372036854775807");
  EXPECT_EQ(door.post("/v1/c/n?incr=1", "").status, 400);
  door.put("/v1/c/n", "text");
  EXPECT_EQ(door.post("/v1/c/n?incr=1", "").status, 409);
  EXPECT_EQ(door.post("/v1/c/n?incr=x", "").status, 400);
  EXPECT_EQ(door.post("/v1/c/n", "").status, 400);
}

TEST(Actions, RenameCopyAndTimeToLive) {
  Door door;
  door.put("/v1/c/a", "v", {{"Content-Type", "text/plain"}});
  const Answer renamed = door.post("/v1/c/a?rename_to=b/c&to_collection=d", "");
  EXPECT_EQ(renamed.status, 201);
  EXPECT_EQ(renamed.field("Location"), "/v1/d/b/c");
  EXPECT_EQ(door.get("/v1/c/a").status, 404);
  EXPECT_EQ(door.get("/v1/d/b/c").field("Content-Type"), "text/plain");
  EXPECT_EQ(door.post("/v1/d/b/c?copy_to=e", "").status, 201);
  EXPECT_EQ(door.post("/v1/d/b/c?copy_to=e", "", {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(door.post("/v1/d/b/c?copy_to=e", "").status, 200);
  EXPECT_EQ(door.get("/v1/d/e").body, "v");
  EXPECT_EQ(door.post("/v1/d/e?ttl=10", "").field("Kvfs-Ttl"), "10");
  EXPECT_EQ(door.post("/v1/d/e?ttl=0", "").status, 200);
  door.pass_ms(11'000);
  EXPECT_EQ(door.get("/v1/d/e").status, 200);
  EXPECT_EQ(door.post("/v1/d/none?ttl=10", "").status, 404);
}

TEST(Actions, ConditionsAreAboutTheKeyThatIsAskedAndAboutWhatWouldBeReplaced) {
  Door door;
  const std::string tag = door.put("/v1/c/a", "v").field("ETag");
  door.put("/v1/c/b", "w");
  const Fields stale = {{"If-Match", "\"1\""}};
  EXPECT_EQ(door.post("/v1/c/a?rename_to=b", "", stale).status, 412);
  EXPECT_EQ(door.post("/v1/c/a?copy_to=b", "", stale).status, 412);
  EXPECT_EQ(door.post("/v1/c/a?ttl=5", "", stale).status, 412);
  EXPECT_EQ(door.post("/v1/c/a?rename_to=b", "", {{"If-Match", tag}, {"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(door.get("/v1/c/b").body, "w");
  EXPECT_EQ(door.post("/v1/c/a?rename_to=b", "", {{"If-Match", tag}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/b").body, "v");
}

TEST(TimeLimit, WhatWorksInStepsGivesUpAndHasChangedNothing) {
  Door door;
  door.put("/v1/c/k", "1");
  door.put("/kv/k", "1");
  door.context().give_up_ms = 1;  // the clock it is of began when the machine did
  EXPECT_EQ(door.get("/v1/c").status, 504);
  EXPECT_EQ(door.get("/bulk/range").status, 504);
  EXPECT_EQ(door.get("/objects").status, 504);
  EXPECT_EQ(door.post("/v1/c", R"([{"op":"put","key":"k","value":"2"}])").status, 504);
  EXPECT_EQ(door.post("/bulk", R"({"k":"2"})").status, 504);
  EXPECT_EQ(door.patch("/v1/c/k?append", "2").status, 504);
  door.context().give_up_ms = 0;
  EXPECT_EQ(door.get("/v1/c/k").body, "1");
  EXPECT_EQ(door.get("/kv/k").body, "1");
}

TEST(Batch, HappensAsAWholeOverCollections) {
  Door door;
  door.put("/v1/a/old", "x");
  const Answer answer = door.post("/v1", R"({"operations":[
    {"op":"put","collection":"a","key":"k","value":{"n": 1}},
    {"op":"put","collection":"b","key":"k","value":"text","content_type":"text/markdown","ttl":60},
    {"op":"delete","collection":"a","key":"old"},
    {"op":"delete","collection":"a","key":"none"},
    {"op":"check","collection":"a","key":"nobody","if_absent":true}]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_NE(answer.body.find(R"("deleted":false)"), std::string::npos) << answer.body;
  EXPECT_EQ(door.get("/v1/a/k").body, R"({"n":1})");
  EXPECT_EQ(door.get("/v1/b/k").field("Content-Type"), "text/markdown");
  EXPECT_EQ(door.get("/v1/b/k").field("Kvfs-Ttl"), "60");
  EXPECT_EQ(door.get("/v1/a/old").status, 404);
}

TEST(Batch, AConditionThatFailsIsNamedAndNothingHappens) {
  Door door;
  const std::string tag = door.put("/v1/c/k", "1").field("ETag");
  const std::string version = tag.substr(1, tag.size() - 2);
  EXPECT_EQ(door.post("/v1/c", R"([{"op":"put","key":"k","value":"2","if_match":")" + version + R"("}])").status, 200);
  const Answer failed =
      door.post("/v1/c", R"([{"op":"put","key":"other","value":"x"},{"op":"put","key":"k","value":"3","if_match":")" +
                             version + R"("}])");
  EXPECT_EQ(failed.status, 412);
  EXPECT_NE(failed.body.find(R"("index":1,"key":"k")"), std::string::npos) << failed.body;
  EXPECT_EQ(door.get("/v1/c/other").status, 404);
  EXPECT_EQ(door.get("/v1/c/k").body, "2");
}

TEST(Batch, MalformedOnesAre400) {
  Door door;
  for (const char* body :
       {"", "{}", "[1]", R"([{"op":"put","key":"k"}])", R"([{"op":"put","value":1}])", R"([{"key":"k","value":1}])",
        R"([{"op":"move","key":"k"}])", R"([{"op":"put","key":"k","value":1,"if_match":"x"}])",
        R"([{"op":"put","key":"k","value":1,"typo":1}])"})
    EXPECT_EQ(door.post("/v1/c", body).status, 400) << body;
  EXPECT_EQ(door.post("/v1/c", "[]").status, 200);
}

TEST(Collections, AndTenantsAreListedInPages) {
  Door door;
  for (const char* name : {"a", "b", "c"}) door.put(std::string("/v1/") + name + "/k", "v");
  for (const char* target : {"/v1", "/admin/tenants"}) {
    if (std::string_view(target) == "/admin/tenants")
      for (const char* name : {"x", "y"}) door.put(std::string("/admin/tenants/") + name, "{}");
    std::string names, cursor;
    size_t pages = 0;
    do {
      const Answer page = door.get(std::string(target) + "?limit=2&cursor=" + cursor);
      ASSERT_EQ(page.status, 200) << page.body;
      for (size_t at = 0; (at = page.body.find("\"name\":\"", at)) != std::string::npos; at += 9)
        names += page.body.substr(at + 8, page.body.find('"', at + 8) - at - 8) + " ";
      cursor = page.field("Kvfs-Cursor");
      EXPECT_EQ(page.body.find("\"cursor\":\"" + cursor + "\"") != std::string::npos, !cursor.empty());
    } while (!cursor.empty() && ++pages < 10);
    EXPECT_EQ(names, std::string_view(target) == "/v1" ? "a b c " : "default x y ");
    EXPECT_EQ(door.get(std::string(target) + "?limit=0").status, 400);
  }
}

TEST(Collections, AnEmptyKeyIsNotTheCollection) {
  Door door;
  door.put("/v1/c/k", "v");
  EXPECT_EQ(door.del("/v1/c/").status, 400);
  EXPECT_EQ(door.put("/v1/c/", "{}").status, 400);
  EXPECT_EQ(door.put("/v1/new/", "").status, 400);
  EXPECT_EQ(door.del("/trash/").status, 400);
  EXPECT_EQ(door.get("/v1/c/").status, 200);
  EXPECT_EQ(door.get("/v1/c/k").body, "v");
  EXPECT_EQ(door.get("/v1/new").status, 404);
}

TEST(Collections, WhoAsksToRemoveAPartOfOneLosesNothing) {
  Door door;
  door.put("/v1/c/a/k", "v");
  for (const char* part : {"prefix=a/", "start=a", "end=b", "limit=1", "cursor=", "prefix=%zz"})
    EXPECT_EQ(door.del("/v1/c?" + std::string(part)).status, 400) << part;
  EXPECT_EQ(door.get("/v1/c/a/k").body, "v");
  EXPECT_EQ(door.del("/v1/c").status, 200);
  EXPECT_EQ(door.get("/v1/c/a/k").status, 404);
}

TEST(Collections, AreListedMadeSetAndDeleted) {
  Door door;
  EXPECT_EQ(door.put("/v1/c", "").status, 201);
  EXPECT_EQ(door.put("/v1/c", R"({"require_preconditions":true,"fsync":"strict"})").status, 200);
  EXPECT_NE(door.get("/v1").body.find(R"({"name":"c","keys":0,"bytes":0,"quota_keys":0,"quota_bytes":0,)"
                                      R"("fsync":"strict","require_preconditions":true})"),
            std::string::npos)
      << door.get("/v1").body;
  EXPECT_EQ(door.put("/v1/c/k", "v").status, 428);
  EXPECT_EQ(door.del("/v1/c/k").status, 428);
  const Answer dialect = door.post("/kv/k?collection=c", "v");
  EXPECT_EQ(dialect.status, 428);
  EXPECT_TRUE(dialect.body.starts_with("{\"error\":")) << dialect.body;
  EXPECT_EQ(door.put("/v1/c/k", "v", {{"If-None-Match", "*"}}).status, 201);
  EXPECT_EQ(door.patch("/v1/c/k?append", "v").status, 428);
  EXPECT_EQ(door.post("/v1/c/k?ttl=5", "").status, 428);
  EXPECT_EQ(door.post("/v1/c/k?rename_to=j", "").status, 428);
  EXPECT_EQ(door.post("/v1/c", R"([{"op":"delete","key":"k"}])").status, 428);
  EXPECT_EQ(door.put("/v1/c/k2", "v", {{"If-None-Match", "*"}}).status, 201);
  EXPECT_EQ(door.put("/v1/c", R"({"quota_keys":1})").status, 400);
  EXPECT_EQ(door.put("/v1/c", R"({"fsync":"sometimes"})").status, 400);
  EXPECT_NE(door.get("/v1/c?info").body.find(R"({"name":"c","keys":2,"bytes":2,)"), std::string::npos);
  EXPECT_EQ(door.get("/v1/absent?info").status, 404);
  EXPECT_EQ(door.del("/v1/c").body, R"({"removed":2})");
  EXPECT_EQ(door.get("/v1/c").status, 404);
  EXPECT_EQ(door.del("/v1/c").status, 404);
}

TEST(Tenants, AreManagedByAdministratorsOnly) {
  HttpOptions options;
  options.keys = {{"user", "u", "", "one", false, false},
                  {"boss", "b", "", "one", false, true},
                  {"root", "r", "", "", false, true}};
  Door door(options);
  const Fields user = {{"X-API-Key", "u"}}, boss = {{"X-API-Key", "b"}}, root = {{"X-API-Key", "r"}};
  EXPECT_EQ(door.get("/admin/tenants", user).status, 403);
  EXPECT_EQ(door.put("/v1/c", "", user).status, 403);
  EXPECT_EQ(door.put("/v1/c", "", boss).status, 201);
  EXPECT_EQ(door.put("/admin/tenants/two", R"({"quota_bytes":1000})", boss).status, 403);
  EXPECT_EQ(door.put("/admin/tenants/two", R"({"quota_bytes":1000})", root).status, 201);
  EXPECT_NE(door.get("/admin/tenants", root).body.find(R"("name":"two")"), std::string::npos);
  EXPECT_EQ(door.get("/admin/tenants", boss).body.find(R"("name":"two")"), std::string::npos);
  EXPECT_EQ(door.get("/admin/tenants/two", boss).status, 403);
  EXPECT_EQ(door.get("/admin/tenants/three", root).status, 404);
  EXPECT_EQ(door.put("/v1/c/k", std::string(2000, 'x'), {root[0], {"Kvfs-Tenant", "two"}}).status, 507);
}

TEST(Tenants, AreDeletedWithAllTheirCollections) {
  HttpOptions options;
  options.keys = {{"boss", "b", "", "one", false, true}, {"root", "r", "", "", false, true}};
  Door door(options);
  const Fields boss = {{"X-API-Key", "b"}}, root = {{"X-API-Key", "r"}};
  const Fields two = {root[0], {"Kvfs-Tenant", "two"}};
  EXPECT_EQ(door.put("/admin/tenants/two", "", root).status, 201);
  for (int i = 0; i < 1200; ++i) door.put("/v1/c" + std::to_string(i % 3) + "/d/" + std::to_string(i), "v", two);
  EXPECT_EQ(door.put("/v1/empty", "", two).status, 201);
  EXPECT_EQ(door.del("/admin/tenants/two", boss).status, 403);
  EXPECT_EQ(door.del("/admin/tenants/three", root).status, 404);
  EXPECT_EQ(door.del("/admin/tenants/one", root).status, 409) << "a key names it";
  const Answer gone = door.del("/admin/tenants/two", root);
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.body, R"({"removed":1200})");
  EXPECT_EQ(door.get("/admin/tenants/two", root).status, 404);
  EXPECT_EQ(door.get("/v1/c0/d/0", two).status, 404);
  EXPECT_EQ(door.put("/admin/tenants/two", "", root).status, 201);
  EXPECT_EQ(door.get("/v1", two).body, R"({"collections":[]})");
}

}  // namespace
}  // namespace kvfs::http
