// Compressed answers: who gets them, which, and that conditions and ranges stay right.
#include "httpbridge/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/httpbridge/door.h"

namespace kvfs::http {
namespace {

std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out, piece(1 << 16, '\0');
  int done = Z_OK;
  while (done == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    done = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, 0, piece.size() - stream.avail_out);
  }
  EXPECT_EQ(done, Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u) << "bytes after the end";
  inflateEnd(&stream);
  return out;
}

const Fields kGzip = {{"Accept-Encoding", "gzip, deflate, br"}};

std::string lines(size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text.append("line ").append(std::to_string(i)).append("\n");
  return text;
}

TEST(Compression, TakesTheClientsWord) {
  for (const char* yes : {"gzip", "GZIP", "x-gzip", "deflate, gzip", "gzip;q=0.5", "*", "*;q=0.1",
                          "br;q=1.0, gzip;q=0.8", "gzip ; q=1", "identity;q=0, gzip"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.0", "*;q=0", "gzip;q=0, *", "identity, gzip;q=0.5",
                         "gzip;q=2", "gzip;q", "gzip;x=1", ",,;"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST(Compression, IsOfTextAboveTheMinimumAlone) {
  Door door;
  const std::string text = lines(20'000);
  door.put("/v1/c/text", text, {{"Content-Type", "text/plain; charset=utf-8"}});
  door.put("/v1/c/photo", text, {{"Content-Type", "image/jpeg"}});
  door.put("/v1/c/small", "x", {{"Content-Type", "text/plain"}});
  const Answer packed = door.get("/v1/c/text", kGzip);
  EXPECT_EQ(packed.field("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.field("Vary"), "Accept-Encoding");
  EXPECT_EQ(packed.field("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(packed.field("Content-Length"), std::to_string(packed.body.size()));
  EXPECT_LT(packed.body.size(), text.size() / 2);
  EXPECT_EQ(gunzip(packed.body), text);
  const Answer plain = door.get("/v1/c/text");
  EXPECT_EQ(plain.body, text);
  EXPECT_EQ(plain.field("Vary"), "Accept-Encoding") << "a cache must know";
  EXPECT_EQ(plain.field("Content-Encoding"), "");
  for (const char* same : {"/v1/c/photo", "/v1/c/small"}) {
    EXPECT_EQ(door.get(same, kGzip).field("Content-Encoding"), "") << same;
    EXPECT_EQ(door.get(same, kGzip).field("Vary"), "") << same;
  }
  HttpOptions never;
  never.gzip_level = 0;
  EXPECT_EQ(Door(never).get("/openapi.json", kGzip).field("Vary"), "");
}

TEST(Compression, OfListsAndStreamsGivesTheSameBytes) {
  Door door;
  const std::string large = lines(1'000'000);
  door.put("/v1/c/large", large, {{"Content-Type", "application/json"}});
  for (int i = 0; i < 3000; ++i) door.put("/v1/c/k" + std::to_string(i), "v");
  for (const char* target :
       {"/v1/c/large", "/v1/c?values=1&limit=1000", "/objects?collection=c", "/openapi.json", "/ui"}) {
    const Answer packed = door.get(target, kGzip);
    EXPECT_EQ(packed.field("Content-Encoding"), "gzip") << target;
    EXPECT_EQ(gunzip(packed.body), door.get(target).body) << target;
  }
  const Fields ndjson = {{"Accept", "application/x-ndjson"}};
  const Answer packed = door.get("/v1/c", {ndjson[0], kGzip[0]});
  EXPECT_EQ(packed.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(gunzip(packed.body), door.get("/v1/c", ndjson).body);
  EXPECT_EQ(door.get("/v1/c?watch=poll&timeout=0", kGzip).field("Content-Encoding"), "") << "events are not held back";
}

TEST(Compression, HasAnETagOfItsOwnThatConditionsKnow) {
  Door door;
  door.put("/v1/c/k", lines(5000), {{"Content-Type", "text/plain"}});
  const std::string plain = door.get("/v1/c/k").field("ETag"), packed = door.get("/v1/c/k", kGzip).field("ETag");
  EXPECT_EQ(packed, plain.substr(0, plain.size() - 1) + "-gzip\"");
  for (const std::string& tag : {plain, packed}) {
    const Answer unchanged = door.get("/v1/c/k", {{"If-None-Match", tag}, kGzip[0]});
    EXPECT_EQ(unchanged.status, 304);
    EXPECT_EQ(unchanged.field("ETag"), packed);
    EXPECT_EQ(unchanged.field("Vary"), "Accept-Encoding");
    EXPECT_EQ(unchanged.field("Content-Encoding"), "");
  }
  EXPECT_EQ(door.get("/v1/c/k", {{"If-Match", packed}}).status, 200);
  const Fields part = {{"Range", "bytes=0-9"}, kGzip[0]};
  EXPECT_EQ(door.get("/v1/c/k", part).status, 206);
  EXPECT_EQ(door.get("/v1/c/k", part).field("ETag"), plain);
  EXPECT_EQ(door.get("/v1/c/k", {part[0], {"If-Range", plain}}).status, 206);
  EXPECT_EQ(door.get("/v1/c/k", {part[0], {"If-Range", packed}}).status, 200) << "ranges are of the plain bytes";
  EXPECT_EQ(door.put("/v1/c/k", "next", {{"If-Match", packed}}).status, 204)
      << "a browser edits what it got compressed";
  EXPECT_EQ(door.put("/v1/c/k", "next", {{"If-Match", packed}}).status, 412);
}

TEST(Compression, HeadSaysWhatGetWouldSay) {
  Door door;
  door.put("/v1/c/k", lines(5000), {{"Content-Type", "text/plain"}});
  const Answer get = door.get("/v1/c/k", kGzip), head = door.ask("HEAD", "/v1/c/k", {}, kGzip);
  for (const char* field : {"ETag", "Vary", "Content-Encoding", "Content-Type"})
    EXPECT_EQ(head.field(field), get.field(field));
  EXPECT_EQ(head.field("Content-Length"), "");
  EXPECT_EQ(door.ask("HEAD", "/v1/c/k").field("Content-Length"), door.get("/v1/c/k").field("Content-Length"));
}

TEST(Compression, OfRequestsIsRefused) {
  Door door;
  const Answer refused = door.put("/v1/c/k", "x", {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(refused.status, 415);
  EXPECT_EQ(refused.field("Accept-Encoding"), "identity");
}

}  // namespace
}  // namespace kvfs::http
