// API keys, tenants and rates.
#include "httpbridge/auth.h"

#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

HttpOptions two_tenants() {
  HttpOptions options;
  options.keys = {{"one", "key-1", "", "tenant1", false, false},
                  {"two", "key-2", "", "tenant2", false, false},
                  {"reader", "key-r", "", "tenant1", true, false},

                  {"root", "key-a", "", "", false, true}};
  return options;
}

TEST(Auth, TenantsDoNotSeeEachOther) {
  Door door(two_tenants());
  const Fields one = {{"X-API-Key", "key-1"}}, two = {{"Authorization", "Bearer key-2"}};
  EXPECT_EQ(door.put("/v1/c/k", "of one", one).status, 201);
  EXPECT_EQ(door.get("/v1/c/k", two).status, 404);
  EXPECT_EQ(door.get("/objects/k?collection=c", two).status, 404);
  EXPECT_EQ(door.put("/v1/c/k", "of two", two).status, 201);
  EXPECT_EQ(door.get("/v1/c/k", one).body, "of one");
  EXPECT_EQ(door.get("/kv/k?collection=c", two).body, "of two");
}

TEST(Auth, NoKeyAndUnknownKeysAre401) {
  Door door(two_tenants());
  for (const Fields& fields :
       {Fields{}, Fields{{"X-API-Key", "key-3"}}, Fields{{"X-API-Key", ""}}, Fields{{"Authorization", "Bearer "}},
        Fields{{"Authorization", "key-1"}, {"X-API-Key", "nope"}}}) {
    const Answer answer = door.get("/record/k", fields);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.field("WWW-Authenticate"), "Bearer realm=\"kvfs\"");
    EXPECT_TRUE(answer.body.starts_with("{\"error\":"));
  }
  EXPECT_EQ(door.get("/health").status, 200);
}

TEST(Auth, AReadOnlyKeyReads) {
  Door door(two_tenants());
  door.put("/v1/c/k", "v", {{"X-API-Key", "key-1"}});
  const Fields reader = {{"X-API-Key", "key-r"}};
  EXPECT_EQ(door.get("/v1/c/k", reader).body, "v");
  for (const Answer& answer : {door.put("/v1/c/k", "w", reader), door.del("/v1/c/k", reader),
                               door.post("/put", R"({"key":"a","value":1})", reader)})
    EXPECT_EQ(answer.status, 403);
}

TEST(Auth, AnAdministratorOfAllTenantsNamesOne) {
  Door door(two_tenants());
  door.put("/v1/c/k", "v", {{"X-API-Key", "key-1"}});
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-a"}}).status, 400);
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-a"}, {"Kvfs-Tenant", "tenant1"}}).body, "v");
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-2"}, {"Kvfs-Tenant", "tenant1"}}).status, 403);
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-1"}, {"Kvfs-Tenant", "tenant1"}}).body, "v");
}

TEST(Auth, AKeyOfAConnectionCountsForItsRequestAlone) {
  Door door(two_tenants());
  EXPECT_EQ(door.put("/v1/c/k", "v", {{"X-API-Key", "key-1"}}).status, 201);
  EXPECT_EQ(door.get("/v1/c/k").status, 401);
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-2"}}).status, 404);
}

TEST(Auth, AReloadTakesKeysAwayFromOpenConnections) {
  Door door(two_tenants());
  const Fields one = {{"X-API-Key", "key-1"}};
  EXPECT_EQ(door.put("/v1/c/k", "v", one).status, 201);
  HttpOptions rotated = two_tenants();
  rotated.keys[0].key = "key-1-new";
  {
    const auto take_over = door.service().prepare_reload(rotated);
    ASSERT_TRUE(take_over) << take_over.error().message();
    (*take_over)();
  }
  EXPECT_EQ(door.get("/v1/c/k", one).status, 401);
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-1-new"}}).body, "v");
  rotated.keys[1].tenant = "a/b";
  EXPECT_FALSE(door.service().prepare_reload(rotated));
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-1-new"}}).body, "v");
}

TEST(Auth, WithoutKeysOnlyLoopbackIsAnonymous) {
  Door door;
  EXPECT_EQ(door.put("/v1/c/k", "v").status, 201);
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "whatever"}}).status, 200);
  door.connection().loopback = false;
  EXPECT_EQ(door.get("/v1/c/k").status, 401);
  HttpOptions open;
  open.anonymous = true;
  Door anybody(open);
  anybody.connection().loopback = false;
  EXPECT_EQ(anybody.put("/v1/c/k", "v").status, 201);
}

TEST(Cors, ListedOriginsMayAskAndReadOthersMayNot) {
  HttpOptions options;
  options.cors_origins = {"https://app.example"};
  Door door(options);
  const Answer preflight =
      door.ask("OPTIONS", "/v1/c/k", {}, {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "PUT"}});
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.field("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_NE(preflight.field("Access-Control-Allow-Methods").find("PUT"), std::string::npos);
  EXPECT_NE(preflight.field("Access-Control-Allow-Headers").find("Kvfs-Type"), std::string::npos);
  EXPECT_EQ(door.put("/v1/c/k", "v", {{"Origin", "https://app.example"}}).status, 201);
  const Answer read = door.get("/v1/c/k", {{"Origin", "https://app.example"}});
  EXPECT_EQ(read.field("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_NE(read.field("Access-Control-Expose-Headers").find("ETag"), std::string::npos);
  EXPECT_NE(read.field("Vary").find("Origin"), std::string::npos);
  EXPECT_EQ(door.get("/v1/c/k", {{"Origin", "https://evil.example"}}).field("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(door.get("/v1/c/k").field("Access-Control-Allow-Origin"), "");
  EXPECT_NE(door.get("/v1/c/k").field("Vary").find("Origin"), std::string::npos) << "a cache may have it for a page";
}

TEST(Cors, PagesOfOtherOriginsChangeNothingForWhoeverNeedsNoKey) {
  Door door;
  for (const char* origin : {"https://evil.example", "null", "http://localhost:81", "localhost"}) {
    EXPECT_EQ(door.post("/v1/c/k?incr=1", "", {{"Origin", origin}}).status, 403) << origin;
    EXPECT_EQ(
        door.post("/put", R"({"key":"k","value":1})", {{"Origin", origin}, {"Content-Type", "text/plain"}}).status, 403)
        << origin;
  }
  EXPECT_EQ(door.post("/v1/c/k?incr=1", "", {{"Origin", "http://localhost"}}).status, 200) << "the server's own pages";
  EXPECT_EQ(door.post("/v1/c/k?incr=1", "").status, 200);
  Door keyed(two_tenants());
  EXPECT_EQ(keyed.put("/v1/c/k", "v", {{"X-API-Key", "key-1"}, {"Origin", "https://evil.example"}}).status, 201)
      << "who sends a key was told it";
}

TEST(Rates, BeyondThemIs429WithRetryAfter) {
  HttpOptions options = two_tenants();
  options.key_rate = {0.5, 2};
  Door door(options);
  const Fields one = {{"X-API-Key", "key-1"}};
  EXPECT_EQ(door.put("/v1/c/k", "v", one).status, 201);
  EXPECT_EQ(door.get("/v1/c/k", one).field("RateLimit-Remaining"), "0");
  const Answer limited = door.get("/v1/c/k", one);
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.field("Retry-After"), "2");
  EXPECT_EQ(limited.field("RateLimit-Limit"), "2");
  EXPECT_EQ(door.get("/v1/c/k", {{"X-API-Key", "key-2"}}).status, 404);
  EXPECT_EQ(door.get("/health", one).status, 200);
}

TEST(RateLimiter, RefillsAsTimePasses) {
  RateLimiter limiter;
  const RateLimit rate{10, 5};
  constexpr int64_t kSecond = 1'000'000'000;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.take(rate, "a", 0).allowed);
  EXPECT_FALSE(limiter.take(rate, "a", 0).allowed);
  EXPECT_TRUE(limiter.take(rate, "b", 0).allowed);
  EXPECT_TRUE(limiter.take(rate, "a", kSecond / 10).allowed);
  EXPECT_FALSE(limiter.take(rate, "a", kSecond / 10).allowed);
  EXPECT_EQ(limiter.take(rate, "a", 100 * kSecond).remaining, 4u);
}

TEST(RateLimiter, ChargesIntoDebtAndSaysWhenItIsPaid) {
  RateLimiter limiter;
  const RateLimit rate{10, 5};
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(limiter.charge(rate, "a", 5, 0), 0);
  EXPECT_EQ(limiter.charge(rate, "a", 20, 0), 2 * kSecond);
  EXPECT_EQ(limiter.charge(rate, "a", 0, kSecond), kSecond);
  EXPECT_EQ(limiter.charge(rate, "a", 0, 2 * kSecond), 0);
  EXPECT_EQ(limiter.charge(rate, "b", 1, 0), 0);
  EXPECT_EQ(limiter.charge({}, "a", 1e9, 0), 0);
}

TEST(RateLimiter, ForgetsFullBuckets) {
  RateLimiter limiter;
  const RateLimit rate{10, 5};
  for (int i = 0; i < 200'000; ++i) limiter.take(rate, "address" + std::to_string(i), int64_t{i} * 1'000'000);
  EXPECT_LT(limiter.size(), 40'000u);
}

// Any name can be made to lead to 127.0.0.1, and a page that came by it would be its own.
TEST(Cors, PagesOfNamesThatAreNotThisMachinesChangeNothing) {
  Door door;
  const auto put_from = [&](const std::string& host, const std::string& target = "/v1/c/k") {
    size_t used = 0;
    return door
        .feed("PUT " + target + " HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host +
                  "\r\nContent-Length: 1\r\n\r\nx",
              used)
        .status;
  };
  EXPECT_EQ(put_from("rebound.example:3300"), 403);
  EXPECT_EQ(put_from("localhost", "http://rebound.example/v1/c/k"), 403) << "the target's host counts";
  for (const char* host : {"localhost:3300", "127.0.0.1:3300", "[::1]:3300", "kvfs.localhost"})
    EXPECT_LT(put_from(host), 300) << host;
  EXPECT_EQ(put_from("localhost", "http:///v1/c/k"), 400);
}

}  // namespace
}  // namespace kvfs::http
