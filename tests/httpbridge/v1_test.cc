// The canonical API over a store in memory (docs/http.md).
#include <gtest/gtest.h>

#include "httpbridge/http_date.h"
#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

TEST(V1, KeepsBytesAndType) {
  Door door;
  const std::string bytes("\x00\x01\xff\r\n", 5);
  const Answer created = door.put("/v1/c/k", bytes, {{"Content-Type", "image/png"}});
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, "");
  const Answer got = door.get("/v1/c/k");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(got.field("Content-Type"), "image/png");
  EXPECT_EQ(got.field("Content-Length"), "5");
  EXPECT_EQ(got.field("ETag"), created.field("ETag"));
  EXPECT_EQ(door.put("/v1/c/k", "new").status, 204);
  EXPECT_EQ(door.get("/v1/c/k").field("Content-Type"), "application/octet-stream");
  EXPECT_EQ(door.del("/v1/c/k").status, 204);
  EXPECT_EQ(door.del("/v1/c/k").status, 404);
  EXPECT_EQ(door.get("/v1/c/k").status, 404);
}

TEST(V1, TakesTheKeyByteForByte) {
  Door door;
  for (const char* path : {"http://example.com",
                           "http://example.com/x",
                           "user:1001",
                           "a/../b",
                           ".",
                           "..",
                           "%00",
                           "a%00b",
                           "a//b",
                           "/x",
                           "x/",
                           "a%2Fb",
                           "%ff%fe",
                           "a+b",
                           "a%20b",
                           "%3Fq",
                           "%23",
                           "%25",
                           "a;b=c",
                           "\xc3\xa9",
                           "b/./c"}) {
    const std::string target = std::string("/v1/keys/") + path;
    EXPECT_EQ(door.put(target, path).status, 201) << path;
    EXPECT_EQ(door.get(target).body, path);
  }
  EXPECT_EQ(door.get("/v1/keys/%61%2f%62").body, "a%2Fb");
  EXPECT_EQ(door.get("/v1/keys/a/b").body, "a%2Fb");
}

TEST(V1, BadKeysAre400WithAProblem) {
  Door door;
  for (const char* path : {"%", "%4", "%zz", "a%g0"}) {
    const Answer answer = door.put(std::string("/v1/c/") + path, "v");
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(answer.field("Content-Type"), "application/problem+json");
  }
  EXPECT_EQ(door.put("/v1/c/" + std::string(256, 'k'), "v").status, 400);
  EXPECT_EQ(door.put("/v1/c/" + std::string(255, 'k'), "v").status, 201);
  EXPECT_EQ(door.put("/v1/%2e%2e/k", "v").status, 400);
}

TEST(V1, HeadSaysWhatGetWouldSendWithoutIt) {
  Door door;
  door.put("/v1/c/k", "hello", {{"Content-Type", "text/plain"}});
  const Answer head = door.ask("HEAD", "/v1/c/k");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Length"), "5");
  EXPECT_EQ(head.field("Content-Type"), "text/plain");
  EXPECT_EQ(door.ask("HEAD", "/v1/c/none").status, 404);
}

TEST(V1, ConditionsOfReads) {
  Door door;
  const std::string tag = door.put("/v1/c/k", "v").field("ETag");
  EXPECT_EQ(door.get("/v1/c/k", {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-None-Match", "\"1\", " + tag}}).status, 304);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-None-Match", "W/" + tag}}).status, 304);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-None-Match", "\"1\""}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-None-Match", "*"}}).status, 304);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Match", tag}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Match", "\"1\""}}).status, 412);
  const std::string modified = door.get("/v1/c/k").field("Last-Modified");
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Modified-Since", modified}}).status, 304);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}).status, 412);
}

TEST(V1, ConditionsOfWrites) {
  Door door;
  EXPECT_EQ(door.put("/v1/c/k", "v", {{"If-Match", "*"}}).status, 412);
  const std::string first = door.put("/v1/c/k", "1", {{"If-None-Match", "*"}}).field("ETag");
  EXPECT_EQ(door.put("/v1/c/k", "2", {{"If-None-Match", "*"}}).status, 412);
  const Answer second = door.put("/v1/c/k", "2", {{"If-Match", first}});
  EXPECT_EQ(second.status, 204);
  EXPECT_EQ(door.put("/v1/c/k", "3", {{"If-Match", first}}).status, 412);
  EXPECT_EQ(door.get("/v1/c/k").body, "2");
  EXPECT_EQ(door.del("/v1/c/k", {{"If-Match", first}}).status, 412);
  EXPECT_EQ(door.del("/v1/c/k", {{"If-Match", second.field("ETag")}}).status, 204);
}

TEST(V1, UnmodifiedSinceHoldsForWrites) {
  const Fields long_ago = {{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  Door door;
  EXPECT_EQ(door.put("/v1/c/k", "new", long_ago).status, 201);  // what is not there was not modified
  const std::string tag = door.get("/v1/c/k").field("ETag");
  const Fields since = {{"If-Unmodified-Since", door.get("/v1/c/k").field("Last-Modified")}};
  EXPECT_EQ(door.put("/v1/c/k", "x", long_ago).status, 412);
  EXPECT_EQ(door.patch("/v1/c/k?append", "x", long_ago).status, 412);
  EXPECT_EQ(door.post("/v1/c/k?ttl=5", "", long_ago).status, 412);
  EXPECT_EQ(door.post("/v1/c/k?rename_to=other", "", long_ago).status, 412);
  EXPECT_EQ(door.del("/v1/c/k", long_ago).status, 412);
  EXPECT_EQ(door.get("/v1/c/k").body, "new");
  // A tag decides alone, and what is no date is not heeded.
  EXPECT_EQ(door.put("/v1/c/k", "x", {{"If-Match", tag}, long_ago[0]}).status, 204);
  EXPECT_EQ(door.put("/v1/c/k", "y", {{"If-Unmodified-Since", "yesterday"}}).status, 204);
  EXPECT_EQ(door.put("/v1/c/k", "z", since).status, 204);
  EXPECT_EQ(door.del("/v1/c/k", since).status, 204);
}

TEST(V1, DatesOfConditionsMayHaveTheObsoleteFormats) {
  Door door;  // its clock stands in November 2023
  door.put("/v1/c/k", "v");
  for (const char* later : {"Thu, 16 Nov 2023 08:49:37 GMT", "Thursday, 16-Nov-23 08:49:37 GMT",
                            "Thu Nov 16 08:49:37 2023", "Mon Jan  1 00:00:00 2024"})
    EXPECT_EQ(door.get("/v1/c/k", {{"If-Modified-Since", later}}).status, 304) << later;
  for (const char* earlier : {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov 16 08:49:37 23",
                              "16-Nov-23 08:49:37 GMT", "Thursday, 16-Nov-2023 08:49:37 GMT"})
    EXPECT_EQ(door.get("/v1/c/k", {{"If-Modified-Since", earlier}}).status, 200) << earlier;
}

TEST(V1, APartIsNotPutInPlaceOfTheWhole) {
  Door door;
  door.put("/v1/c/k", "0123456789");
  EXPECT_EQ(door.put("/v1/c/k", "xx", {{"Content-Range", "bytes 0-1/10"}}).status, 400);
  EXPECT_EQ(door.post("/kv/k", "xx", {{"Content-Range", "bytes 0-1/10"}}).status, 400);
  EXPECT_EQ(door.get("/v1/c/k").body, "0123456789");
}

TEST(V1, Ranges) {
  Door door;
  const std::string tag = door.put("/v1/c/k", "0123456789").field("ETag");
  struct {
    const char* range;
    int status;
    const char* body;
    const char* content_range;
  } const cases[] = {
      {"bytes=0-3", 206, "0123", "bytes 0-3/10"},
      {"bytes=7-", 206, "789", "bytes 7-9/10"},
      {"bytes=-2", 206, "89", "bytes 8-9/10"},
      {"Bytes=0-3", 206, "0123", "bytes 0-3/10"},
      {"bytes=, 0-3 ,", 206, "0123", "bytes 0-3/10"},
      {"bytes=,", 200, "0123456789", ""},
      {"bytes=5-99", 206, "56789", "bytes 5-9/10"},
      {"bytes=-99", 206, "0123456789", "bytes 0-9/10"},
      {"bytes=3-2", 200, "0123456789", ""},
      {"bytes=0-1,20-30", 206, "01", "bytes 0-1/10"},
      {"bytes=0-1,x", 200, "0123456789", ""},
      {"bytes=0-,0-", 200, "0123456789", ""},
      {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,-0,-0,-0,-0,-0,-0,-0", 200, "0123456789", ""},
      {"lines=0-1", 200, "0123456789", ""},
      {"bytes=x-1", 200, "0123456789", ""},
      {"bytes=0-18446744073709551616", 206, "0123456789", "bytes 0-9/10"},
  };
  for (const auto& c : cases) {
    const Answer answer = door.get("/v1/c/k", {{"Range", c.range}});
    EXPECT_EQ(answer.status, c.status) << c.range;
    EXPECT_EQ(answer.body, c.body) << c.range;
    EXPECT_EQ(answer.field("Content-Range"), c.content_range) << c.range;
  }
  for (const char* range : {"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=10-,-0"}) {
    const Answer answer = door.get("/v1/c/k", {{"Range", range}});
    EXPECT_EQ(answer.status, 416) << range;
    EXPECT_EQ(answer.field("Content-Range"), "bytes */10");
  }
  EXPECT_EQ(door.ask("HEAD", "/v1/c/k", {}, {{"Range", "bytes=0-1"}}).status, 200);
  EXPECT_EQ(door.get("/v1/c/k", {{"Range", "bytes=0-1"}, {"If-Range", tag}}).status, 206);
  const std::string date = door.get("/v1/c/k").field("Last-Modified");
  EXPECT_EQ(door.get("/v1/c/k", {{"Range", "bytes=0-1"}, {"If-Range", date}}).status, 200) << "may be another of then";
  door.pass_ms(60'000);
  EXPECT_EQ(door.get("/v1/c/k", {{"Range", "bytes=0-1"}, {"If-Range", date}}).status, 206);
  EXPECT_EQ(door.get("/v1/c/k", {{"Range", "bytes=0-1"}, {"If-Range", "\"1\""}}).status, 200);
}

TEST(V1, SeveralRangesComeAsParts) {
  Door door;
  std::string large(700'000, 'l');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 26);
  for (const std::string& bytes : {std::string("0123456789"), large}) {
    door.put("/v1/c/k", bytes, {{"Content-Type", "text/x"}});
    const std::string size = std::to_string(bytes.size()), half = std::to_string(bytes.size() / 2);
    const std::string last = std::to_string(bytes.size() - 1);
    const Answer answer = door.get("/v1/c/k", {{"Range", "bytes=" + half + "-" + last + ", 0-0,1-2"}});
    EXPECT_EQ(answer.status, 206);
    EXPECT_EQ(answer.field("Content-Range"), "");
    EXPECT_EQ(answer.field("Content-Length"), std::to_string(answer.body.size()));
    EXPECT_EQ(answer.field("Vary"), "Accept-Encoding");
    const std::string type = answer.field("Content-Type");
    ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary=")) << type;
    const std::string boundary = "--" + type.substr(type.find('=') + 1);
    const auto part = [&](const std::string& first_and_last, std::string_view content) {
      return boundary + "\r\nContent-Type: text/x\r\nContent-Range: bytes " + first_and_last + "/" + size + "\r\n\r\n" +
             std::string(content) + "\r\n";
    };
    EXPECT_TRUE(answer.body == part(half + "-" + last, bytes.substr(bytes.size() / 2)) +
                                   part("0-0", bytes.substr(0, 1)) + part("1-2", bytes.substr(1, 2)) + boundary +
                                   "--\r\n");
    EXPECT_EQ(door.ask("HEAD", "/v1/c/k", {}, {{"Range", "bytes=0-0,1-2"}}).field("Content-Length"), size);
  }
}

TEST(V1, LargeValuesAreKeptAndReadByRange) {
  Door door;
  std::string bytes(3'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  EXPECT_EQ(door.put("/v1/c/large", bytes).status, 201);
  EXPECT_EQ(door.get("/v1/c/large").body, bytes);
  EXPECT_EQ(door.get("/v1/c/large", {{"Range", "bytes=65530-65545"}}).body, bytes.substr(65530, 16));
  EXPECT_EQ(door.get("/v1/c/large", {{"Range", "bytes=100000-2900000"}}).body, bytes.substr(100000, 2800001));
}

TEST(V1, TimeToLiveByFieldAndQuery) {
  Door door;
  EXPECT_EQ(door.put("/v1/c/a", "v", {{"Kvfs-Ttl", "60"}}).field("Kvfs-Ttl"), "60");
  door.put("/v1/c/b", "v?ttl", {});
  door.put("/v1/c/b?ttl=1.5", "v");
  door.pass_ms(1000);
  EXPECT_EQ(door.get("/v1/c/a").field("Kvfs-Ttl"), "59");
  EXPECT_EQ(door.get("/v1/c/b").field("Kvfs-Ttl"), "0.5");
  door.pass_ms(500);
  EXPECT_EQ(door.get("/v1/c/b").status, 404);
  door.put("/v1/c/a", "v");
  EXPECT_EQ(door.get("/v1/c/a").field("Kvfs-Ttl"), "");
  for (const char* bad : {"-1", "x", "1x", "1.", "", "99999999999999999999"})
    EXPECT_EQ(door.put("/v1/c/a", "v", {{"Kvfs-Ttl", bad}}).status, 400) << bad;
}

TEST(V1, CachesAskBeforeTheyUseWhatTheyKept) {
  Door door;
  const Answer put = door.put("/v1/c/k", "value");
  EXPECT_EQ(put.field("Cache-Control"), "");
  const auto cached = [&](std::string_view target, const Fields& fields, int status) {
    const Answer answer = door.get(target, fields);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_EQ(answer.field("Cache-Control"), "no-cache") << target;
  };
  cached("/v1/c/k", {}, 200);
  cached("/v1/c/k", {{"Range", "bytes=0-1"}}, 206);
  cached("/v1/c/k", {{"If-None-Match", put.field("ETag")}}, 304);
  cached("/v1/c/none", {}, 404);
  for (const char* target : {"/v1/c", "/v1", "/kv/k?collection=c", "/objects", "/metrics", "/openapi.json", "/ui"})
    cached(target, {}, 200);
  EXPECT_EQ(door.ask("HEAD", "/v1/c/k").field("Cache-Control"), "no-cache");
}

TEST(V1, ListsInPagesByPrefixAndDelimiter) {
  Door door;
  for (const char* key : {"a", "b/1", "b/2", "c/x/1", "d"})
    door.put(std::string("/v1/c/") + key, "val", {{"Content-Type", "text/plain"}});
  const Answer all = door.get("/v1/c");
  EXPECT_EQ(all.status, 200);
  EXPECT_TRUE(all.body.starts_with(R"({"keys":[{"key":"a","size":3,"version":")")) << all.body;
  EXPECT_EQ(all.body.find("cursor"), std::string::npos);
  EXPECT_EQ(door.get("/v1/c/").body, all.body);
  const Answer top = door.get("/v1/c?delimiter=/");
  EXPECT_NE(top.body.find(R"("prefixes":["b/","c/"])"), std::string::npos) << top.body;
  EXPECT_EQ(top.body.find("b/1"), std::string::npos);
  const Answer page = door.get("/v1/c?limit=2&values=1");
  EXPECT_NE(page.body.find(R"("value":"val")"), std::string::npos) << page.body;
  ASSERT_NE(page.field("Kvfs-Cursor"), "");
  const Answer next = door.get("/v1/c?limit=2&cursor=" + page.field("Kvfs-Cursor"));
  EXPECT_NE(next.body.find(R"("key":"b/2")"), std::string::npos) << next.body;
  EXPECT_EQ(next.body.find(R"("key":"b/1")"), std::string::npos) << next.body;
  EXPECT_TRUE(door.get("/v1/c?reverse=1&limit=1").body.starts_with(R"({"keys":[{"key":"d")"));
  EXPECT_TRUE(door.get("/v1/c?start=b/2&end=d").body.starts_with(R"({"keys":[{"key":"b/2")"));
  EXPECT_EQ(door.get("/v1/nothing").status, 404);
  EXPECT_EQ(door.get("/v1/c?limit=0").status, 400);
  EXPECT_EQ(door.get("/v1/c?cursor=%21").status, 400);
}

TEST(V1, ListsKeysThatAreNoTextAsBase64) {
  Door door;
  door.put("/v1/c/%ff%00", "v");
  EXPECT_TRUE(door.get("/v1/c").body.starts_with(R"({"keys":[{"key_base64":"/wA=")")) << door.get("/v1/c").body;
  door.put("/v1/d/%ff/k", "v");
  EXPECT_EQ(door.get("/v1/d?delimiter=/").body, R"({"keys":[],"prefixes":[{"prefix_base64":"/y8="}]})");
}

TEST(V1, StreamsAWholeCollectionAsLines) {
  Door door;
  for (int i = 0; i < 2500; ++i) door.put("/v1/c/key" + std::to_string(i), "v");
  const Answer lines = door.get("/v1/c", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(lines.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(lines.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), 2500);
}

TEST(V1, EchoesTheRequestId) {
  Door door;
  EXPECT_EQ(door.get("/v1/c/k", {{"X-Request-Id", "abc-1"}}).field("X-Request-Id"), "abc-1");
}

TEST(HttpDate, IsABijectionOnSeconds) {
  EXPECT_EQ(format_http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const int64_t seconds :
       {int64_t{0}, int64_t{951782400}, int64_t{1709164800}, int64_t{-1}, int64_t{253402300799}})
    EXPECT_EQ(parse_http_date(format_http_date(seconds)), seconds);
  for (const char* bad :
       {"", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), 784111777);
  const int64_t in_2026 = 1'780'000'000;
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", in_2026), 784111777);
  EXPECT_EQ(parse_http_date("Thursday, 01-Jan-76 00:00:00 GMT", in_2026), 3'345'062'400) << "50 years ahead";
  EXPECT_EQ(parse_http_date("Saturday, 01-Jan-77 00:00:00 GMT", in_2026), 220'924'800) << "no more than 50";
}

TEST(V1, APageIsKeptInItsSandboxHoweverItsTypeIsWritten) {
  Door door;
  for (const char* type : {"text/html", "TEXT/HTML", "image/SVG+XML", "application/xHtml+xml; charset=utf-8"}) {
    door.put("/v1/c/page", "<p>", {{"Content-Type", type}});
    EXPECT_EQ(door.get("/v1/c/page").field("Content-Security-Policy"), "sandbox") << type;
  }
}

TEST(V1, APatchsContentRangeLiesInTheLengthItNames) {
  Door door;
  door.put("/v1/c/k", "0123456789");
  for (const char* range : {"bytes 2-3/2", "bytes 2-3/3", "bytes 2-3/x", "bytes 2-3/"})
    EXPECT_EQ(door.patch("/v1/c/k", "ab", {{"Content-Range", range}}).status, 400) << range;
  EXPECT_EQ(door.get("/v1/c/k").body, "0123456789");
  for (const char* range : {"bytes 2-3/4", "bytes 2-3/*"})
    EXPECT_EQ(door.patch("/v1/c/k", "ab", {{"Content-Range", range}}).status, 204) << range;
}

TEST(V1, ABatchTakesNoConditionsOfItsOwn) {
  Door door;
  const std::string batch = R"({"operations":[{"op":"put","key":"a","value":1}]})";
  EXPECT_EQ(door.post("/v1/c", batch, {{"If-Match", "\"1\""}}).status, 400);
  EXPECT_EQ(door.get("/v1/c/a").status, 404);
  EXPECT_EQ(door.post("/v1/c", batch).status, 200);
}

TEST(V1, ValueBytesMaxHoldsForShortValuesToo) {
  HttpOptions options;
  options.value_bytes_max = 10;
  options.body_bytes_max = 5;
  Door door(options);
  EXPECT_EQ(door.put("/v1/c/k", "0123456789").status, 201);
  EXPECT_EQ(door.put("/v1/c/k", "0123456789a").status, 413);
}

}  // namespace
}  // namespace kvfs::http
