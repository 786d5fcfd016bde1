// Framing, limits and endings on real sockets.
#include "tests/httpbridge/wire.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <regex>
#include <thread>
#include <vector>

#include "tests/store/engine/temporary_directory.h"
#include "tests/support/wait.h"

namespace kvfs::http {
namespace {

constexpr std::string_view kPut = "PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kGet = "GET /v1/c/k HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(Wire, KeepsAConnectionForManyRequests) {
  WireServer server;
  Wire wire(server.port());
  for (int i = 0; i < 3; ++i) {
    wire.send(kPut);
    EXPECT_EQ(wire.receive().status, i == 0 ? 201 : 204);
    wire.send(kGet);
    EXPECT_EQ(wire.receive().body, "hello");
  }
}

TEST(Wire, AnswersPipelinedRequestsInOrder) {
  WireServer server;
  Wire wire(server.port());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    const std::string body = std::to_string(i);
    all += "PUT /v1/c/k" + body + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
    all += "GET /v1/c/k" + body + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  std::thread sender([&] { wire.send(all); });
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(wire.receive().status, 201);
    EXPECT_EQ(wire.receive().body, std::to_string(i));
  }
  sender.join();
}

TEST(Wire, TakesARequestSplitAnywhere) {
  WireServer server;
  const std::string chunked =
      "PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: "
      "y\r\n\r\n";
  for (const std::string& request : {std::string(kPut), chunked}) {
    for (size_t split = 1; split < request.size(); ++split) {
      Wire wire(server.port());
      wire.send(std::string_view(request).substr(0, split));
      std::this_thread::yield();
      wire.send(std::string_view(request).substr(split));
      EXPECT_LT(wire.receive().status, 300) << split;
      wire.send(kGet);
      EXPECT_EQ(wire.receive().body, "hello") << split;
    }
  }
}

TEST(Wire, TakesARequestByteByByte) {
  WireServer server;
  Wire wire(server.port());
  for (const char c : std::string(kPut) + std::string(kGet)) wire.send({&c, 1});
  EXPECT_EQ(wire.receive().status, 201);
  EXPECT_EQ(wire.receive().body, "hello");
}

TEST(Wire, StreamsLargeBodiesBothWays) {
  WireServer server;
  std::string bytes(20'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 997);
  Wire wire(server.port());
  wire.send("PUT /v1/c/large HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n");
  wire.send(bytes);
  EXPECT_EQ(wire.receive().status, 201);
  wire.send("GET /v1/c/large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(wire.receive().body == bytes);
  wire.send("PUT /v1/c/chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (size_t at = 0; at < bytes.size(); at += 1'000'000) {
    wire.send("f4240\r\n");
    wire.send(std::string_view(bytes).substr(at, 1'000'000));
    wire.send("\r\n");
  }
  wire.send("0\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 201);
  wire.send("GET /v1/c/chunked HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(wire.receive().body == bytes);
}

TEST(Wire, AnUploadThatBreaksOffPublishesNothing) {
  WireServer server;
  {
    Wire wire(server.port());
    wire.send("PUT /v1/c/large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + std::string(500'000, 'x'));
  }
  Wire wire(server.port());
  wire.send("GET /v1/c/large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 404);
}

TEST(Wire, Meets100Continue) {
  WireServer server;
  Wire wire(server.port());
  wire.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 100);
  wire.send("hello");
  EXPECT_EQ(wire.receive().status, 201);
  wire.send("PUT /v1/c/% HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 400);
  EXPECT_TRUE(wire.closed());
  Wire other(server.port());
  other.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(other.receive().status, 417);
}

TEST(Wire, AConditionThatFailsIsToldBeforeTheBodyIsSent) {
  WireServer server;
  Wire wire(server.port());
  wire.send(kPut);
  wire.receive();
  const std::string large = "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n";
  const auto ask = [&](const std::string& head) {
    Wire one(server.port());
    one.send(head + large);
    return one.receive().status;  // without a byte of the body
  };
  EXPECT_EQ(ask("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"), 412);
  EXPECT_EQ(ask("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nIf-Match: \"1\"\r\n"), 412);
  EXPECT_EQ(ask("PUT /v1/new/k HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n"), 412);
  EXPECT_EQ(ask("PATCH /v1/c/k?append HTTP/1.1\r\nHost: x\r\nIf-Match: \"1\"\r\n"), 412);
  EXPECT_EQ(ask("PUT /v1/c/" + std::string(5000, 'k') + " HTTP/1.1\r\nHost: x\r\n"), 400);
  wire.send("PUT /v1/c HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{\"require_preconditions\":true} ");
  EXPECT_EQ(wire.receive().status, 200);
  EXPECT_EQ(ask("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\n"), 428);
  Wire good(server.port());
  good.send("PUT /v1/c/k2 HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n" + large);
  EXPECT_EQ(good.receive_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  good.send(std::string(1'000'000, 'x'));
  EXPECT_EQ(good.receive().status, 201);
}

TEST(Wire, ARequestThatIsLateIsNotCarriedOut) {
  HttpOptions options;
  options.request_timeout_ms = 1;
  WireServer server(options);
  Wire wire(server.port());
  wire.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  wire.receive_through("\r\n\r\n");
  // Until the server's coarse clock has moved past the limit.
  for (const auto from = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - from < std::chrono::milliseconds(30);)
    std::this_thread::yield();
  wire.send("x");
  const int status = wire.receive().status;
  EXPECT_TRUE(status == 504 || status == 408) << status;  // 408: the server's own timer came first
  const auto tenant = server.store().find_tenant("default");
  ASSERT_TRUE(tenant);
  EXPECT_FALSE(server.store().find_collection(*tenant, "c"));
}

TEST(Wire, HeadHasNoBodyAndTheConnectionGoesOn) {
  WireServer server;
  Wire wire(server.port());
  wire.send(kPut);
  wire.receive();
  wire.send("HEAD /v1/c/k HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive(true).field("Content-Length"), "5");
  wire.send("HEAD /objects HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive(true).status, 200);
  wire.send("HEAD /v1/c HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n");
  EXPECT_EQ(wire.receive(true).status, 200);
  wire.send(kGet);
  EXPECT_EQ(wire.receive().body, "hello");
}

TEST(Wire, HttpOneZeroAndConnectionCloseEnd) {
  WireServer server;
  Wire old(server.port());
  old.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().status, 200);
  EXPECT_TRUE(old.closed());
  Wire kept(server.port());
  kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.receive().field("Connection"), "keep-alive");
  kept.send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(kept.receive().field("Connection"), "close");
  EXPECT_TRUE(kept.closed());
}

TEST(Wire, ABodyThatNobodyTakesIsDropped) {
  WireServer server;
  Wire wire(server.port());
  wire.send("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(wire.receive().status, 200);
  wire.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_EQ(wire.receive().status, 404);
  wire.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 200);
}

TEST(Wire, ConnectionsBeyondTheLimitAreTold) {
  HttpOptions options;
  options.connections_per_address_max = 2;
  WireServer server(options);
  Wire one(server.port()), two(server.port());
  for (Wire* wire : {&one, &two}) {
    wire->send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(wire->receive().status, 200);
  }
  Wire three(server.port());
  EXPECT_EQ(three.receive().status, 503);
  EXPECT_TRUE(three.closed());
}

TEST(Wire, AsManyConnectionsAsMayBeAreServedHoweverManyComeAtOnce) {
  constexpr size_t kMax = 8, kClients = 4, kEach = 10;
  HttpOptions options;
  options.connections_max = kMax;
  options.threads = 4;
  for (int round = 0; round < 5; ++round) {
    WireServer server(options);
    std::vector<std::unique_ptr<Wire>> wires(kClients * kEach);
    std::vector<std::thread> clients;
    for (size_t client = 0; client < kClients; ++client)
      clients.emplace_back([&, client] {
        for (size_t i = 0; i < kEach; ++i) wires[client * kEach + i] = std::make_unique<Wire>(server.port());
      });
    for (std::thread& client : clients) client.join();
    // Those beyond the limit are told so unasked.
    const auto served = [&] {
      return std::count_if(wires.begin(), wires.end(), [](auto& wire) { return wire->silent(); });
    };
    ASSERT_TRUE(test::wait_until([&] { return served() <= static_cast<std::ptrdiff_t>(kMax); })) << served();
    for (const auto& wire : wires) {
      const bool is_served = wire->silent();
      if (is_served) wire->send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      const Wire::Reply reply = wire->receive();
      EXPECT_EQ(reply.status, is_served ? 200 : 503) << reply.body;
      EXPECT_TRUE(wire->closed());
    }
  }
}

TEST(Watch, TellsChangesAsTheyHappenAndGoesOnAfterAnId) {
  WireServer server;
  Wire watch(server.port()), wire(server.port());
  watch.send("GET /v1/c?prefix=k HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  EXPECT_NE(watch.receive_through("\r\n\r\n").find("Content-Type: text/event-stream"), std::string::npos);
  watch.receive_through("id: ");
  const std::string from = watch.receive_through("\n\n");
  wire.send("PUT /v1/c/other HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  wire.receive();
  wire.send(kPut);
  wire.receive();
  watch.receive_through("event: put\ndata: ");
  const std::string event = watch.receive_through("\n\n");
  EXPECT_TRUE(event.starts_with(R"({"kind":"put","collection":"c","key":"k","size":5,"created":true,)")) << event;
  wire.send("DELETE /v1/c/k HTTP/1.1\r\nHost: x\r\n\r\n");
  wire.receive();
  EXPECT_NE(watch.receive_through("\n\n").find("event: remove"), std::string::npos);

  Wire resumed(server.port());
  resumed.send("GET /v1/c?watch HTTP/1.1\r\nHost: x\r\nLast-Event-ID: " + from.substr(0, from.size() - 2) + "\r\n\r\n");
  EXPECT_NE(resumed.receive_through("event: put").find("200 OK"), std::string::npos);
  resumed.receive_through("event: put");
  resumed.receive_through("event: remove");
}

TEST(Watch, BeatsWhileNothingHappens) {
  HttpOptions options;
  options.watch_heartbeat_ms = 50;
  WireServer server(options);
  Wire watch(server.port());
  watch.send("GET /v1 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  watch.receive_through(": heartbeat\n\n");
  EXPECT_EQ(watch.receive_through(": heartbeat\n\n").empty(), false);
}

TEST(Watch, LongPollAnswersAtTheChangeOrTheTimeout) {
  WireServer server;
  Wire poll(server.port()), wire(server.port());
  poll.send("GET /v1/c?watch=poll&timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n");
  const Wire::Reply empty = poll.receive();
  EXPECT_TRUE(empty.body.starts_with(R"({"changes":[],"last":")")) << empty.body;
  poll.send("GET /v1/c?watch=poll&timeout=9 HTTP/1.1\r\nHost: x\r\n\r\n");
  wire.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  wire.receive();
  for (int i = 0; i < 1000; ++i) {  // the poll may begin after the first change
    wire.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    wire.receive();
  }
  EXPECT_NE(poll.receive().body.find(R"("key":"k")"), std::string::npos);
}

TEST(Watch, ALateReaderIsToldThatItMissedChanges) {
  WireServer server;
  Wire wire(server.port());
  wire.send("GET /v1/c?watch=poll&timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n");
  wire.receive();
  wire.send(kPut);
  wire.receive();
  const uint64_t first = server.store().feed().last();
  for (size_t i = 0; i < WireServer::kFeedCapacity + 1; ++i) {
    wire.send(kPut);
    EXPECT_EQ(wire.receive().status, 204);
  }
  const std::string after = std::to_string(first);
  wire.send("GET /v1/c?watch=poll&after=" + after + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(wire.receive().body.find(R"("missed":true)"), std::string::npos);
  wire.send("GET /v1/c HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: " + after + "\r\n\r\n");
  EXPECT_NE(wire.receive_through("event: missed\n"), "");
}

TEST(Server, ListensOnSeveralAddressesAndAUnixSocket) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("kvfs_wire_test_" + std::to_string(getpid()) + ".sock");
  HttpOptions options;
  options.listen = {"127.0.0.1:0", "localhost:0", "unix:" + path};
  {
    WireServer server(options);
    ASSERT_EQ(server.server().ports().size(), 3u);
    for (int i = 0; i < 4; ++i) {
      Wire local(path);
      local.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_EQ(local.receive().body, R"({"status":"healthy"})");
    }
    Wire second(server.server().ports()[1]);
    second.send("GET /ready HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(second.receive().status, 200);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Server, AnAddressThatMayBeMissingIsLeftOut) {
  HttpOptions options;
  options.listen = {"-[2001:db8::5]:0", "127.0.0.1:0"};
  WireServer server(options);
  ASSERT_EQ(server.server().ports().size(), 1u);
  Wire wire(server.port());
  wire.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 200);
}

TEST(Server, ListensOnIpv6) {
  HttpOptions options;
  options.listen = {"[::1]:0"};
  std::optional<WireServer> server;
  try {
    server.emplace(options);
  } catch (const StoreException& e) {
    GTEST_SKIP() << "no IPv6 here: " << e.what();
  }
  Wire wire(server->port(), Wire::Family::ipv6);
  wire.send("GET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  EXPECT_EQ(wire.receive().status, 200);
}

TEST(Server, StopSaysSoBeforeListenersClose) {
  HttpOptions options;
  options.ready_grace_ms = 1500;
  WireServer server(options);
  Wire balancer(server.port());
  const auto ready = [&] {
    balancer.send("GET /ready HTTP/1.1\r\nHost: x\r\n\r\n");
    return balancer.receive().status;
  };
  EXPECT_EQ(ready(), 200);
  std::thread stopper([&] { server.server().stop(); });
  EXPECT_TRUE(test::wait_until([&] { return ready() == 503; }));
  Wire late(server.port());
  late.send(kPut);
  EXPECT_EQ(late.receive().status, 201) << "who came before the listeners closed is served";
  stopper.join();
}

TEST(Server, LogsRequestsAsLogToolsReadThemAndNobodyForgesALine) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/access.log";
  HttpOptions options;
  options.access_log = path;
  const auto text = [&](const std::string& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  {
    WireServer server(options);
    Wire wire(server.port());
    wire.send(
        "PUT /v1/c/k?a=\"b HTTP/1.1\r\nHost: x\r\nUser-Agent: test/1 \"x\" \x9b\xc3\xa9\r\nReferer: http://r/\r\n"
        "Content-Length: 5\r\n\r\nhello");
    EXPECT_EQ(wire.receive().status, 201);
    wire.send(kGet);
    EXPECT_EQ(wire.receive().status, 200);
    ASSERT_TRUE(test::wait_until([&] { return text(path).find("GET") != std::string::npos; }));
    std::filesystem::rename(path, path + ".1");
    {
      const auto take_over = server.server().prepare_reload(options);
      ASSERT_TRUE(take_over) << take_over.error().message();
      (*take_over)();
    }
    wire.send(kGet);
    EXPECT_EQ(wire.receive().status, 200);
  }
  const std::regex combined(
      "127\\.0\\.0\\.1 - anonymous \\[\\d\\d/\\w{3}/\\d{4}:\\d\\d:\\d\\d:\\d\\d \\+0000\\] "
      "\"PUT /v1/c/k\\?a=\\\\x22b HTTP/1.1\" 201 0 \"http://r/\" "
      "\"test/1 \\\\x22x\\\\x22 \\\\x9B\\\\xC3\\\\xA9\" \\d+us\n"
      "127\\.0\\.0\\.1 - anonymous \\[[^\\]]+\\] \"GET /v1/c/k HTTP/1.1\" 200 5 \"-\" \"-\" \\d+us\n");
  EXPECT_TRUE(std::regex_match(text(path + ".1"), combined)) << text(path + ".1");
  EXPECT_NE(text(path).find("\"GET /v1/c/k HTTP/1.1\" 200 5"), std::string::npos) << "after rotation";
}

TEST(Server, SaysWhatToDoWhereItCannotListen) {
  WireServer first;
  StoreOptions store_options;
  store_options.engine.kind = "memory";
  const auto store = *Store::open(store_options);
  const auto error_of = [&](std::vector<std::string> listen) {
    HttpOptions options;
    options.listen = std::move(listen);
    const auto started = HttpServer::start(*store, options);
    return started ? Error{Errc::exists, "started"} : started.error();
  };
  const Error busy = error_of({"127.0.0.1:" + std::to_string(first.port())});
  EXPECT_EQ(busy.code, Errc::busy);
  EXPECT_NE(busy.detail.find("in use"), std::string::npos);
  EXPECT_EQ(error_of({"127.0.0.1"}).code, Errc::invalid);
  EXPECT_EQ(error_of({"127.0.0.1:99999"}).code, Errc::invalid);
  EXPECT_EQ(error_of({"::1:3300"}).code, Errc::invalid);
  EXPECT_EQ(error_of({"tls:127.0.0.1:0"}).code, Errc::invalid);
  EXPECT_EQ(error_of({"[2001:db8::5]:0"}).code, Errc::not_found);
  EXPECT_EQ(error_of({"-127.0.0.1:" + std::to_string(first.port())}).code, Errc::busy) << "it is not missing";
  const Error open = error_of({"0.0.0.0:0"});
  EXPECT_EQ(open.code, Errc::invalid);
  EXPECT_NE(open.detail.find("anonymous = yes"), std::string::npos);
}

TEST(Server, StopLetsRequestsInFlightFinish) {
  WireServer server;
  Wire upload(server.port()), idle(server.port());
  idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.receive().status, 200);
  upload.send("PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20000\r\n\r\n");
  EXPECT_EQ(upload.receive().status, 100);
  std::thread stopper([&] { server.server().stop(); });
  EXPECT_TRUE(idle.closed());
  upload.send(std::string(20'000, 'x'));
  const Wire::Reply reply = upload.receive();
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.field("Connection"), "close");
  EXPECT_TRUE(upload.closed());
  stopper.join();
}

}  // namespace
}  // namespace kvfs::http
