// What was removed, over HTTP.
#include "store/trash.h"

#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

class Trash : public testing::Test {
 protected:
  void SetUp() override { door.store().set_trash({.keep_ms = 3'600'000}); }

  /// The text behind `"name":"` in the answer, from the place `at` on.
  static std::string member(const std::string& body, const std::string& name, size_t at = 0) {
    const std::string begin = "\"" + name + "\":\"";
    const size_t found = body.find(begin, at);
    if (found == std::string::npos) return {};
    return body.substr(found + begin.size(), body.find('"', found + begin.size()) - found - begin.size());
  }

  Door door;
};

TEST_F(Trash, IsListedReadAndBroughtBack) {
  const std::string large(300'000, 'l');
  ASSERT_EQ(door.put("/v1/docs/a/b", large, {{"Content-Type", "text/plain"}, {"Kvfs-Ttl", "7200"}}).status, 201);
  ASSERT_EQ(door.del("/v1/docs/a/b").status, 204);
  const std::string list = door.get("/trash").body;
  const std::string id = member(list, "id");
  EXPECT_EQ(list, R"({"removed":[{"id":")" + id +
                      R"(","collection":"docs","key":"a/b","size":300000,"type":"bytes","content_type":"text/plain",)"
                      R"("removed":"2023-11-14T22:13:20.000Z","ends":"2023-11-14T23:13:20.000Z"}]})");
  const Answer bytes = door.get("/trash/" + id);
  EXPECT_EQ(bytes.status, 200);
  EXPECT_EQ(bytes.body, large);
  EXPECT_EQ(bytes.field("Content-Type"), "text/plain");
  EXPECT_EQ(door.get("/trash/" + id, {{"Range", "bytes=0-2"}}).body, "lll");
  EXPECT_EQ(door.ask("HEAD", "/trash/" + id).field("Content-Length"), "300000");
  const Answer back = door.post("/trash/" + id, "");
  EXPECT_EQ(back.status, 201);
  EXPECT_EQ(back.field("Location"), "/v1/docs/a/b");
  EXPECT_EQ(back.field("ETag"), "\"" + member(back.body, "version") + "\"");
  EXPECT_EQ(back.field("Kvfs-Ttl"), "7200");
  EXPECT_EQ(door.get("/v1/docs/a/b").body, large);
  EXPECT_EQ(door.get("/trash").body, R"({"removed":[]})");
  EXPECT_EQ(door.post("/trash/" + id, "").status, 404);
  EXPECT_EQ(door.get("/trash/" + id).status, 404);
  EXPECT_EQ(door.get("/trash/one").status, 400);
}

TEST_F(Trash, ReplacesUnderTheConditionsOfAnyChange) {
  door.put("/v1/c/k", "one");
  door.del("/v1/c/k");
  const std::string path = "/trash/" + member(door.get("/trash").body, "id");
  door.put("/v1/c/k", "two");
  door.put("/v1/c", R"({"require_preconditions":true})");
  const std::string etag = door.get("/v1/c/k").field("ETag");
  EXPECT_EQ(door.post(path, "").status, 409);
  EXPECT_EQ(door.post(path + "?replace=1", "").status, 428);
  EXPECT_EQ(door.post(path + "?replace=1", "", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(door.post(path + "?to=new", "", {{"If-Match", "*"}}).status, 412);
  EXPECT_EQ(door.get("/v1/c/k").body, "two");
  EXPECT_EQ(door.post(path + "?replace=1", "", {{"If-Match", etag}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/k").body, "one");
}

TEST_F(Trash, ComesBackElsewhereAndReplacesOnlyWhereThatIsSaid) {
  for (const char* value : {"one", "two"}) {
    door.put("/v1/docs/k", value);
    door.del("/v1/docs/k");
  }
  door.put("/v1/docs/k", "three");
  const std::string list = door.get("/trash").body;
  const std::string one = member(list, "id");
  const std::string two = member(list, "id", list.find(one) + one.size());
  EXPECT_EQ(door.post("/trash/" + one, "").status, 409);
  EXPECT_EQ(door.post("/trash/" + one + "?to=a%20b&to_collection=other", "").field("Location"), "/v1/other/a%20b");
  EXPECT_EQ(door.get("/v1/other/a%20b").body, "one");
  EXPECT_EQ(door.post("/trash/" + two + "?replace=1", "").status, 200);
  EXPECT_EQ(door.get("/v1/docs/k").body, "two");
  EXPECT_EQ(door.get("/trash/" + member(door.get("/trash").body, "id")).body, "three");
}

TEST_F(Trash, IsPagedAndChosenFrom) {
  for (int i = 0; i < 5; ++i) {
    door.put("/v1/docs/k" + std::to_string(i), "x");
    door.del("/v1/docs/k" + std::to_string(i));
  }
  door.put("/v1/other/k", "x");
  door.del("/v1/other/k");
  std::string cursor;
  std::string seen;
  do {
    const std::string page = door.get("/trash?limit=2&collection=docs&cursor=" + cursor).body;
    for (size_t at = 0; (at = page.find("\"key\":\"", at)) != std::string::npos; ++at) seen += member(page, "key", at);
    cursor = member(page, "cursor");
  } while (!cursor.empty());
  EXPECT_EQ(seen, "k0k1k2k3k4");
  EXPECT_EQ(member(door.get("/trash?prefix=k3").body, "key"), "k3");
  EXPECT_EQ(door.get("/trash?prefix=z").body, R"({"removed":[]})");
}

TEST_F(Trash, GoesForGood) {
  for (const char* key : {"a", "b", "c"}) {
    door.put(std::string("/v1/docs/") + key, "x");
    door.del(std::string("/v1/docs/") + key);
  }
  const std::string id = member(door.get("/trash").body, "id");
  EXPECT_EQ(door.del("/trash/" + id).status, 204);
  EXPECT_EQ(door.del("/trash/" + id).status, 404);
  EXPECT_EQ(door.del("/trash").body, R"({"removed":2})");
  EXPECT_EQ(door.get("/trash").body, R"({"removed":[]})");
}

TEST_F(Trash, SettingsOfTenantsAndCollectionsDecide) {
  door.store().set_trash({});
  EXPECT_EQ(door.put("/v1/docs", R"({"trash_keep_ms":1000})").status, 201);
  EXPECT_NE(door.get("/v1/docs?info").body.find(R"("trash_keep_ms":1000)"), std::string::npos);
  for (const char* path : {"/v1/docs/k", "/v1/other/k"}) {
    door.put(path, "x");
    door.del(path);
  }
  EXPECT_EQ(member(door.get("/trash").body, "collection"), "docs");
  door.pass_ms(1000);
  EXPECT_EQ(door.get("/trash").body, R"({"removed":[]})");
  EXPECT_EQ(door.put("/v1/docs", R"({"trash_keep_ms":null})").status, 200);
  EXPECT_EQ(door.get("/v1/docs?info").body.find("trash_keep_ms"), std::string::npos);
  EXPECT_EQ(door.put("/v1/docs", R"({"trash_keep_ms":-1})").status, 400);
  EXPECT_EQ(door.put("/v1/docs", R"({"trash_bytes":1})").status, 400) << "those are of tenants";
}

TEST(TrashOfTenants, BelongsToItsTenant) {
  HttpOptions options;
  options.keys = {{"one", "1", "", "one", false, false},
                  {"two", "2", "", "two", false, false},
                  {"reader", "3", "", "one", true, false}};
  Door door(options);
  door.store().set_trash({.keep_ms = 3'600'000});
  const Fields one = {{"X-API-Key", "1"}}, two = {{"X-API-Key", "2"}}, reader = {{"X-API-Key", "3"}};
  door.put("/v1/docs/k", "x", one);
  door.del("/v1/docs/k", one);
  const std::string list = door.get("/trash", one).body;
  const size_t at = list.find("\"id\":\"") + 6;
  const std::string id = list.substr(at, list.find('"', at) - at);
  EXPECT_EQ(door.get("/trash", two).body, R"({"removed":[]})");
  EXPECT_EQ(door.get("/trash/" + id, two).status, 404);
  EXPECT_EQ(door.post("/trash/" + id, "", two).status, 404);
  EXPECT_EQ(door.get("/trash/" + id, reader).status, 200);
  EXPECT_EQ(door.post("/trash/" + id, "", reader).status, 403);
  EXPECT_EQ(door.del("/trash", reader).status, 403);
  EXPECT_EQ(door.get("/trash").status, 401);
  EXPECT_EQ(door.post("/trash/" + id, "", one).status, 201);
}

}  // namespace
}  // namespace kvfs::http
