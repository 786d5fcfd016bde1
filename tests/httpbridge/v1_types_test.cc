// Counters and sets over HTTP (docs/http.md).
#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

TEST(V1Types, ACounterIsMadeReadAndIncremented) {
  Door door;
  EXPECT_EQ(door.put("/v1/c/n", "41", {{"Kvfs-Type", "counter"}}).status, 201);
  EXPECT_EQ(door.post("/v1/c/n?incr=1", "").body.substr(0, 12), "{\"value\":42,");
  const Answer text = door.get("/v1/c/n");
  EXPECT_EQ(text.body, "42\n");
  EXPECT_EQ(text.field("Kvfs-Type"), "counter");
  const Answer json = door.get("/v1/c/n", {{"Accept", "application/json"}});
  EXPECT_EQ(json.field("Content-Type"), "application/json");
  EXPECT_EQ(json.body.substr(0, 30), "{\"type\":\"counter\",\"value\":42,\"");
  EXPECT_EQ(door.put("/v1/c/n", "many", {{"Kvfs-Type", "counter"}}).status, 400);
  EXPECT_EQ(door.get("/v1/c/n").body, "42\n");
  EXPECT_EQ(door.post("/v1/c/new?incr=3", "", {{"Kvfs-Type", "counter"}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/new").field("Kvfs-Type"), "counter");
}

TEST(V1Types, APutWithoutATypeMakesBytes) {
  Door door;
  door.put("/v1/c/n", "1", {{"Kvfs-Type", "counter"}});
  EXPECT_EQ(door.put("/v1/c/n", "plain").status, 204);
  EXPECT_EQ(door.get("/v1/c/n").body, "plain");
  EXPECT_EQ(door.get("/v1/c/n").field("Kvfs-Type"), "");
  EXPECT_EQ(door.put("/v1/c/n", "1", {{"Kvfs-Type", "list"}}).status, 400);
}

TEST(V1Types, MembersAreAddedAndRemoved) {
  Door door;
  EXPECT_EQ(door.post("/v1/c/s?add=b&add=a%20c", "").body.substr(0, 21), "{\"added\":2,\"size\":2,\"");
  EXPECT_EQ(door.get("/v1/c/s").body, "a c\nb\n");
  EXPECT_EQ(door.post("/v1/c/s?add=b&add=%FF", "").body.substr(0, 12), "{\"added\":1,\"");
  EXPECT_EQ(door.get("/v1/c/s?format=json").body.substr(0, 67),
            "{\"type\":\"set\",\"size\":3,\"members\":[\"a c\",\"b\",{\"base64\":\"/w==\"}],\"ver");
  EXPECT_EQ(door.post("/v1/c/s?remove=b", "", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(door.post("/v1/c/s?remove=b&remove=a%20c&remove=%FF", "").body.substr(0, 12), "{\"removed\":3");
  EXPECT_EQ(door.get("/v1/c/s").status, 404);
  EXPECT_EQ(door.post("/v1/c/s?remove=b", "").status, 404);
  door.put("/v1/c/s", "bytes");
  EXPECT_EQ(door.post("/v1/c/s?add=x", "").status, 409);
}

TEST(V1Types, AppendingAddsToASet) {
  Door door;
  door.put("/v1/c/s", "b\na\n", {{"Kvfs-Type", "set"}});
  EXPECT_EQ(door.patch("/v1/c/s?append", "c\n").status, 204);
  EXPECT_EQ(door.get("/v1/c/s").body, "a\nb\nc\n");
  EXPECT_EQ(door.get("/v1/c/s").field("Kvfs-Type"), "set");
}

}  // namespace
}  // namespace kvfs::http
