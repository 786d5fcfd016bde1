// Requests that somebody made to do harm: ambiguous, malformed, endless. Each is refused with the status that says so,
// and nothing of it is taken for a request of its own.
#include <gtest/gtest.h>

#include <string>

#include "tests/httpbridge/wire.h"

namespace kvfs::http {
namespace {

TEST(Wire, HostileRequestsAreRefused) {
  WireServer server;
  const std::string host = "Host: x\r\n";
  const std::string put = "PUT /v1/c/k HTTP/1.1\r\n" + host;
  const std::string chunked = put + "Transfer-Encoding: chunked\r\n\r\n";
  struct {
    std::string bytes;
    int status;
  } const cases[] = {
      {"\x16\x03\x01\x02", 400},
      {"GET\r\n\r\n", 400},
      {"GET /health\r\n\r\n", 400},
      {"GET /health HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET health HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /health HTTP/1.1\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "Bad Name: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "Name : x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "X: a\r\n folded\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "X: " + std::string(1, '\x01') + "\r\n\r\n", 400},
      {"GET /he\x01lth HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /" + std::string(15'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"GET /" + std::string(30'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {std::string(30'000, 'A'), 431},
      {"GET /health HTTP/1.1\r\n" + host + "X: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {put + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {put + "Content-Length: -1\r\n\r\n", 400},
      {put + "Content-Length: 5x\r\n\r\n", 400},
      {put + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {put + "Content-Length: 9999999999999999999\r\n\r\n", 413},
      {put + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {put + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {put + "Transfer-Encoding: identity\r\n\r\n", 501},
      {"PUT /v1/c/k HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {chunked + "xyz\r\n", 400},
      {chunked + "3\r\nhello\r\n", 400},
      {chunked + "10000000000000000\r\n", 400},
      {chunked + "5;" + std::string(40'000, 'e'), 400},
      // A quoted value of a chunk's extension ends in its line.
      {chunked + "5;a=\"b\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "5\r\nhello\r\n0;a=\"\r\n\r\n", 400},
      {put + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415},
      // Two readings of where the body ends.
      {put + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {put + "Content-Length: 5, 5\r\n\r\nhello", 400},
      {put + "Content-Length: 5,6\r\n\r\nhello", 400},
      {put + "Content-Length: +5\r\n\r\nhello", 400},
      {put + "Content-Length: 0x5\r\n\r\nhello", 400},
      {put + "Content-Length: 5 5\r\n\r\nhello", 400},
      {put + "Content-Length: 5\r\n 6\r\n\r\nhello", 400},
      {put + "Content-Length:\r\n\r\nhello", 400},
      {put + "Content-Length: five\r\n\r\nhello", 400},
      {put + "Content-Length\t: 5\r\n\r\nhello", 400},
      {put + "content-length: 5\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
      {put + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {put + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501},
      {put + "Transfer-Encoding: \x0b" + "chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {put + "Transfer-Encoding: \r\n\r\n0\r\n\r\n", 501},
      // Chunks.
      {chunked + "0x5\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "+5\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "-5\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + " 5\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + ";e\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "5\nhello\r\n0\r\n\r\n", 400},
      {chunked + "5;a\nb\r\nhello\r\n0\r\n\r\n", 400},
      {chunked + "5\r\nhello0\r\n\r\n", 400},
      {chunked + "5\r\nhello\n0\r\n\r\n", 400},
      {chunked + "fffffffffffffffff\r\n", 400},
      {chunked + "ffffffffffffffff\r\nhello", 413},
      {chunked + "0\r\nBad Trailer: x\r\n\r\n", 400},
      {chunked + "0\r\nX: " + std::string(40'000, 't'), 400},
      {chunked + "0\r\nX: " + std::string(17'000, 't') + "\r\n\r\n", 400},
      {chunked + "5;" + std::string(17'000, 'e') + "\r\nhello\r\n0\r\n\r\n", 400},
      // The request line.
      {"GET  /health HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /health  HTTP/1.1\r\n" + host + "\r\n", 505},
      {"GET\t/health\tHTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /health HTTP/1.1 \r\n" + host + "\r\n", 505},
      {"GET /health HTTP/1.10\r\n" + host + "\r\n", 505},
      {"GET /health http/1.1\r\n" + host + "\r\n", 505},
      {"GET /health HTTP/0.9\r\n" + host + "\r\n", 505},
      {"GE(T /health HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /health HTTP/1.1\n" + host + "\r\n", 505},
      {"GET /health HTTP/1.1\nHost: x\n\n", 400},  // at once, not when header_timeout_ms is over
      {"GET /health HTTP/1.1\r\nHost: x\n\n", 400},
      {"GET /he\x7flth HTTP/1.1\r\n" + host + "\r\n", 400},
      {"CONNECT example.org:443 HTTP/1.1\r\n" + host + "\r\n", 501},
      {"GET http:health HTTP/1.1\r\n" + host + "\r\n", 400},
      {std::string("GET /\0health HTTP/1.1\r\n", 24) + host + "\r\n", 400},
      // Host.
      {"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: \xff\r\n\r\n", 400},
      // Header fields.
      {"GET /health HTTP/1.1\r\n" + host + ": x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "X: a\nY: b\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"GET /health HTTP/1.1\r\n" + host + std::string("X\0Y: b\r\n\r\n", 10), 400},
      {"GET /health HTTP/1.1\r\n X: folded at once\r\n" + host + "\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "X-API-Key: a\r\nx-api-key: b\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
      {put + "Kvfs-Ttl: 1\r\nKvfs-Ttl: 2\r\nContent-Length: 1\r\n\r\nx", 400},
      {"GET /health HTTP/1.1\r\n" + host + std::string(20'000, 'n') + ": x\r\n\r\n", 431},
      {"GET /health HTTP/1.1\r\n" + host + std::string(20'000, 'n'), 431},
      {"POST /put HTTP/1.1\r\n" + host + "Content-Length: 1000000000000\r\n\r\n", 413},
      {"GET /health HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 413},
  };
  for (const auto& c : cases) {
    Wire wire(server.port());
    wire.send(c.bytes);
    EXPECT_EQ(wire.receive().status, c.status) << c.bytes.substr(0, 200);
    EXPECT_TRUE(c.status == 415 || wire.closed()) << c.bytes.substr(0, 200);
  }
  Wire many(server.port());
  std::string fields;
  for (int i = 0; i < 200; ++i) fields += "X" + std::to_string(i) + ": y\r\n";
  many.send("GET /health HTTP/1.1\r\n" + host + fields + "\r\n");
  EXPECT_EQ(many.receive().status, 431);
}

TEST(Wire, PathsLeadNowhereButWhereTheyName) {
  WireServer server;
  struct {
    std::string target;
    int get;
    int put;
  } const cases[] = {
      {"/v1/../admin/tenants", 400, 400},       // a collection cannot be named so; nobody resolves dots
      {"/v1/c/../../admin/tenants", 404, 201},  // a key can
      {"/v1/%2e%2e/admin", 400, 400},
      {"/v1/c%2fd/k", 400, 400},
      {"/v1/c%00d/k", 400, 400},
      {"/v1/" + std::string(300, 'c') + "/k", 400, 400},
      {"/v1//k", 404, 404},
      {"/v1/c/%00", 404, 201},
      {"/v1/c/%c0%ae%c0%ae", 404, 201},  // overlong dots are bytes like others
      {"/v1/c/\xff\xfe", 404, 201},
      {"/v1/c/%", 400, 400},
      {"/v1/c/%4", 400, 400},
      {"/v1/c/%zz", 400, 400},
      {"/v1/c/%u0041", 400, 400},
      {"/v1/%/k", 400, 400},
      {"/V1/c/k", 404, 404},
      {"/%761/c/k", 404, 404},
      {"//v1/c/k", 404, 404},
      {"/./v1/c/k", 404, 404},
      {"/admin%2ftenants", 404, 404},
      {"/ui/../admin/tenants", 404, 404},
      {"/v1/c/k?ttl=%zz", 404, 400},
      {"/v1/c/k?ttl=nan", 404, 400},
      {"/v1/c/k?ttl=-1", 404, 400},
      {"/v1/c/k?ttl=1e400", 404, 400},
      {"http://elsewhere/v1/c/absolute", 404, 201},
      {"http://elsewhere", 200, 404},
      {"http://elsewhere?/v1/c/absolute", 200, 404},
  };
  Wire wire(server.port());
  for (const auto& c : cases) {
    wire.send("GET " + c.target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(wire.receive().status, c.get) << c.target;
    wire.send("PUT " + c.target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    const int status = wire.receive().status;
    EXPECT_TRUE(status == c.put || (c.put == 404 && status == 405)) << c.target << ": " << status;
  }
}

TEST(Wire, BytesThatAreNoTextAreRefusedWhereTextIsNeeded) {
  WireServer server;
  Wire wire(server.port());
  for (const std::string& body :
       {std::string("{\"key\":\"\xff\",\"value\":1}"), std::string("{\"key\":\"\xc0\xae\",\"value\":1}"),
        std::string("{\"key\":\"\xed\xa0\x80\",\"value\":1}"), std::string("{\"key\":\"\\ud800\",\"value\":1}"),
        std::string("{\"key\":\"a\0b\",\"value\":1}", 23), std::string("{\"key\":\"a\nb\",\"value\":1}"),
        std::string(100'000, '['), std::string("{\"key\":") + std::string(100'000, '{')}) {
    for (const char* target : {"/record", "/put", "/v1"}) {
      wire.send("POST " + std::string(target) +
                " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
      EXPECT_EQ(wire.receive().status, 400) << target << " " << body.substr(0, 60);
    }
  }
}

TEST(Wire, WhatIsRefusedIsNeverTakenForTheNextRequest) {
  WireServer server;
  const std::string smuggled = "PUT /v1/c/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
  const std::string put = "PUT /v1/c/k HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& head :
       {put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        put + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        put + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", put + "Content-Length: 0, 71\r\n\r\n",
        put + "Content-Length: 0\r\nContent-Length: 71\r\n\r\n", put + "Content-Length\t: 71\r\n\r\n",
        put + "X: a\r\n Content-Length: 0\r\n\r\n", put + "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n",
        put + "Transfer-Encoding: chunked\r\n\r\n00x\r\n\r\n"}) {
    Wire wire(server.port());
    wire.send(head + smuggled);
    EXPECT_GE(wire.receive().status, 400) << head;
    EXPECT_TRUE(wire.closed()) << head;
  }
  Wire wire(server.port());
  wire.send("GET /v1/c/smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 404);
}

TEST(Wire, SlowHeadsAndBodiesAreEnded) {
  HttpOptions options;
  options.header_timeout_ms = 300;
  options.read_timeout_ms = 300;
  options.idle_timeout_ms = 300;
  WireServer server(options);
  Wire head(server.port()), body(server.port()), idle(server.port());
  head.send("GET /health HTT");
  body.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf");
  idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.receive().status, 200);
  EXPECT_EQ(head.receive().status, 408);
  EXPECT_TRUE(head.closed());
  EXPECT_EQ(body.receive().status, 408);
  EXPECT_TRUE(body.closed());
  EXPECT_TRUE(idle.closed());
}

}  // namespace
}  // namespace kvfs::http
