// Conditions on changes over every route that makes one, and collections that demand them.
#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

struct Change {
  std::string_view method;
  std::string target;
  std::string body;
  Fields fields;  // others than conditions
};

/// Each way to change the value of key `k` of collection `c`.
std::vector<Change> changes_of_k() {
  const Fields merge = {{"Content-Type", "application/merge-patch+json"}};
  const Fields patch = {{"Content-Type", "application/json-patch+json"}};
  return {
      {"PUT", "/v1/c/k", "v", {}},
      {"DELETE", "/v1/c/k", "", {}},
      {"PATCH", "/v1/c/k?append", "v", {}},
      {"PATCH", "/v1/c/k?offset=1", "v", {}},
      {"PATCH", "/v1/c/k", R"({"a":1})", merge},
      {"PATCH", "/v1/c/k", R"([{"op":"add","path":"","value":1}])", patch},
      {"POST", "/v1/c/k?incr=1", "", {}},
      {"POST", "/v1/c/k?ttl=60", "", {}},
      {"POST", "/v1/c/k?add=m", "", {}},
      {"POST", "/v1/c/k?remove=m", "", {}},
      {"POST", "/kv/k?collection=c", "v", {}},
      {"PUT", "/kv/k?collection=c", "v", {}},
      {"DELETE", "/kv/k?collection=c", "", {}},
      {"POST", "/bulk?collection=c", R"({"new":"1","k":"2"})", {}},
      {"POST", "/record?collection=c", R"({"key":"k","value":1})", {}},
      {"POST", "/record?collection=c", R"({"key":"k","value":{"a":1},"partialUpdate":true})", {}},
      {"DELETE", "/record/k?collection=c", "", {}},
      {"PUT", "/objects?collection=c", R"({"key":"k","value":1})", {}},
      {"POST", "/objects?collection=c", R"({"key":"k","value":1})", {}},
      {"DELETE", "/objects/k?collection=c", "", {}},
      {"POST", "/put?collection=c", R"({"key":"k","value":"1"})", {}},
      {"POST", "/batch?collection=c", R"({"items":[{"key":"new","value":"1"},{"key":"k","value":"2"}]})", {}},
      {"POST", "/delete?key=k&collection=c", "", {}},
      {"DELETE", "/delete?key=k&collection=c", "", {}},
  };
}

Fields with(Fields fields, std::string_view name, std::string_view value) {
  fields.emplace_back(name, value);
  return fields;
}

class ConditionsTest : public testing::Test {
 protected:
  void demand(std::string_view collection) {
    EXPECT_LT(door_.put("/v1/" + std::string(collection), R"({"require_preconditions":true})").status, 300);
  }
  void put(std::string_view target, std::string_view bytes = R"({"n":1})") {
    EXPECT_LT(door_.put(target, bytes, {{"If-None-Match", "*"}}).status, 300);
  }
  std::string etag_of(std::string_view target) { return door_.get(target).field("ETag"); }

  Door door_;
};

TEST_F(ConditionsTest, ACollectionThatDemandsThemAnswers428OnEveryRouteWithoutOne) {
  demand("c");
  put("/v1/c/k");
  const std::string before = etag_of("/v1/c/k");
  for (const Change& change : changes_of_k()) {
    const Answer answer = door_.ask(change.method, change.target, change.body, change.fields);
    EXPECT_EQ(answer.status, 428) << change.method << ' ' << change.target << ' ' << answer.body;
    const bool problem = change.target.starts_with("/v1");
    EXPECT_TRUE(answer.body.starts_with(problem ? R"({"type":"about:blank","title":"Precondition Required",)"
                                                : R"({"error":"this collection takes changes only with)"))
        << answer.body;
    EXPECT_EQ(etag_of("/v1/c/k"), before) << change.target;
    EXPECT_EQ(door_.get("/v1/c/new").status, 404) << change.target;
  }
}

TEST_F(ConditionsTest, ADateAloneIsNotWhatIsDemanded) {
  demand("c");
  put("/v1/c/k");
  for (const Change& change : changes_of_k())
    EXPECT_EQ(door_
                  .ask(change.method, change.target, change.body,
                       with(change.fields, "If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"))
                  .status,
              428)
        << change.target;
}

TEST_F(ConditionsTest, EveryRouteHeedsThemWhetherDemandedOrNot) {
  for (const bool demanded : {false, true}) {
    Door fresh;
    if (demanded) fresh.put("/v1/c", R"({"require_preconditions":true})");
    fresh.put("/v1/c/k", R"({"n":1})", {{"If-None-Match", "*"}});
    const std::string before = fresh.get("/v1/c/k").field("ETag");
    for (const Change& change : changes_of_k()) {
      for (const auto& [name, value] :
           Fields{{"If-Match", "\"1\""}, {"If-None-Match", "*"}, {"If-None-Match", before}}) {
        const Answer answer = fresh.ask(change.method, change.target, change.body, with(change.fields, name, value));
        const bool of_another_type = answer.status == 409 && change.target.find('?') != std::string::npos;
        EXPECT_TRUE(answer.status == 412 || of_another_type)
            << change.method << ' ' << change.target << ' ' << name << ' ' << answer.body;
        EXPECT_EQ(fresh.get("/v1/c/k").field("ETag"), before) << change.target;
        EXPECT_EQ(fresh.get("/v1/c/new").status, 404) << change.target;
      }
      EXPECT_EQ(fresh.ask(change.method, change.target, change.body, with(change.fields, "If-Match", "\"1")).status,
                400)
          << change.target;
    }
  }
}

TEST_F(ConditionsTest, TheETagOfAnyDialectIsTheConditionOfAnyOther) {
  demand("c");
  EXPECT_EQ(door_.post("/record?collection=c", R"({"key":"k","value":{"a":1}})", {{"If-None-Match", "*"}}).status, 200);
  const auto etag = [&] {
    const std::string in_record = door_.get("/record/k?collection=c").field("ETag");
    EXPECT_EQ(door_.get("/objects/k?collection=c").field("ETag"), in_record);
    EXPECT_EQ(door_.get("/get?key=k&collection=c").field("ETag"), in_record);
    EXPECT_EQ(door_.get("/kv/k?collection=c").field("ETag"), in_record);
    return Fields{{"If-Match", in_record}};
  };
  const Answer stored = door_.put("/objects?collection=c", R"({"key":"k","value":{"a":2}})", etag());
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.field("ETag"), etag_of("/v1/c/k"));
  EXPECT_EQ(door_.post("/record?collection=c", R"({"key":"k","value":{"b":3},"partialUpdate":true})", etag()).status,
            200);
  EXPECT_EQ(door_.get("/objects/k?collection=c").body, R"({"key":"k","value":{"a":2,"b":3}})");
  EXPECT_EQ(door_.get("/objects/k?collection=c", {{"If-None-Match", etag_of("/v1/c/k")}}).status, 304);
  EXPECT_EQ(door_.get("/record/k?collection=c", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(door_.post("/put?collection=c", R"({"key":"k","value":"x"})", etag()).status, 200);
  EXPECT_EQ(door_.post("/bulk?collection=c", R"({"k":"y"})", etag()).status, 200);
  EXPECT_EQ(door_.post("/delete?key=k&collection=c", "", etag()).body, "Deleted");
  EXPECT_EQ(door_.post("/batch?collection=c", R"({"items":[{"key":"k","value":"1"}]})", {{"If-None-Match", "*"}}).body,
            "Batch Processed");
}

TEST_F(ConditionsTest, WhatIsTransferredAndWhatItReplacesEachAskForTheirOwn) {
  demand("strict");
  put("/v1/strict/a");
  put("/v1/strict/b");
  put("/v1/free/a");
  const Fields match = {{"If-Match", "*"}}, absent = {{"If-None-Match", "*"}};
  const Fields both = {{"If-Match", "*"}, {"If-None-Match", "*"}};
  EXPECT_EQ(door_.post("/v1/strict/a?rename_to=b", "", match).status, 428);
  EXPECT_EQ(door_.post("/v1/strict/a?rename_to=c", "", absent).status, 428);
  EXPECT_EQ(door_.post("/v1/strict/a?copy_to=b", "", match).status, 428);
  EXPECT_EQ(door_.post("/v1/free/a?rename_to=b&to_collection=strict", "").status, 428);
  EXPECT_EQ(door_.post("/v1/free/a?copy_to=b&to_collection=strict", "", match).status, 428);
  EXPECT_EQ(door_.post("/v1/strict/a?rename_to=a&to_collection=free", "").status, 428);
  EXPECT_EQ(door_.post("/v1/free/a?copy_to=b&to_collection=strict", "", absent).status, 412);
  EXPECT_EQ(door_.get("/v1/strict?limit=9").body.find("\"c\""), std::string::npos);

  EXPECT_EQ(door_.post("/v1/strict/a?copy_to=a&to_collection=free", "").status, 200);
  EXPECT_EQ(door_.post("/v1/strict/a?copy_to=c", "", absent).status, 201);
  EXPECT_EQ(door_.post("/v1/strict/a?rename_to=d", "", both).status, 201);
  EXPECT_EQ(door_.post("/v1/strict/d?rename_to=e&to_collection=free", "", match).status, 201);
}

TEST_F(ConditionsTest, AConditionThatIsSwitchedOffIsNone) {
  demand("c");
  put("/v1/c/k");
  EXPECT_EQ(door_.post("/v1/c", R"([{"op":"put","key":"k","value":1,"if_absent":false}])").status, 428);
  EXPECT_EQ(door_.post("/v1/c", R"([{"op":"delete","key":"k","if_present":false}])").status, 428);
  EXPECT_EQ(door_.post("/v1/c", R"([{"op":"check","key":"k"}])").status, 200);
  EXPECT_EQ(door_
                .post("/v1", R"([{"op":"put","collection":"free","key":"k","value":1},)"
                             R"({"op":"delete","collection":"c","key":"k"}])")
                .status,
            428);
  EXPECT_EQ(door_.get("/v1/free/k").status, 404);
  EXPECT_EQ(door_.post("/v1/c", R"([{"op":"delete","key":"k","if_present":true}])").status, 200);
}

}  // namespace
}  // namespace kvfs::http
