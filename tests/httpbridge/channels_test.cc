// Publishing and subscribing over HTTP. That RESP clients meet there is in tests/mounted/redis_door_test.cc.
#include <gtest/gtest.h>

#include "tests/httpbridge/door.h"
#include "tests/httpbridge/wire.h"

namespace kvfs::http {
namespace {

void subscribe(Wire& wire, const std::string& target, const std::string& fields = {}) {
  wire.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" + fields + "\r\n");
  EXPECT_NE(wire.receive_through("\r\n\r\n").find("Content-Type: text/event-stream"), std::string::npos);
}

std::string publish(Wire& wire, const std::string& channel, const std::string& payload,
                    const std::string& fields = {}) {
  wire.send("POST /channels/" + channel + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(payload.size()) +
            "\r\n" + fields + "\r\n" + payload);
  return wire.receive().body;
}

std::string next_event(Wire& wire) {
  wire.receive_through("event: ");
  return wire.receive_through("\n\n");
}

TEST(Channels, CarryMessagesToSubscribersByNameAndPattern) {
  WireServer server;
  Wire one(server.port()), two(server.port()), wire(server.port());
  subscribe(one, "/channels/news");
  subscribe(two, "/channels?channel=other&pattern=n%3Fws&pattern=a*");
  EXPECT_EQ(publish(wire, "news", "hello"), R"({"receivers":2})");
  EXPECT_EQ(publish(wire, "nothing", "x"), R"({"receivers":0})");
  EXPECT_EQ(publish(wire, "a/b", std::string("\xff\0", 2)), R"({"receivers":1})");
  EXPECT_EQ(next_event(one), "message\ndata: {\"channel\":\"news\",\"payload\":\"hello\"}\n\n");
  EXPECT_EQ(next_event(two), "message\ndata: {\"channel\":\"news\",\"pattern\":\"n?ws\",\"payload\":\"hello\"}\n\n");
  EXPECT_EQ(next_event(two), "message\ndata: {\"channel\":\"a/b\",\"pattern\":\"a*\",\"payload_base64\":\"/wA=\"}\n\n");
}

TEST(Channels, SayWhoSubscribes) {
  WireServer server;
  Wire one(server.port()), wire(server.port());
  subscribe(one, "/channels/news?pattern=x*");
  const auto ask = [&wire](const std::string& target) {
    wire.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return wire.receive().body;
  };
  EXPECT_EQ(ask("/channels"), R"({"channels":[{"name":"news","subscribers":1}],"patterns":1})");
  EXPECT_EQ(ask("/channels?pattern=m*"), R"({"channels":[],"patterns":1})");
  EXPECT_EQ(ask("/channels/news"), R"({"name":"news","subscribers":1})");
  EXPECT_EQ(ask("/channels/none"), R"({"name":"none","subscribers":0})");
}

TEST(Channels, OfTenantsAreDifferentAndAReadOnlyKeyOnlyListens) {
  HttpOptions options;
  options.keys = {{"a", "a", "", "one", false, false},
                  {"b", "b", "", "two", false, false},
                  {"reader", "r", "", "one", true, false}};
  WireServer server(options);
  Wire one(server.port()), wire(server.port());
  subscribe(one, "/channels/news", "X-API-Key: r\r\n");
  EXPECT_EQ(publish(wire, "news", "x", "X-API-Key: b\r\n"), R"({"receivers":0})");
  EXPECT_NE(publish(wire, "news", "x", "X-API-Key: r\r\n").find("may only read"), std::string::npos);
  EXPECT_EQ(publish(wire, "news", "mine", "X-API-Key: a\r\n"), R"({"receivers":1})");
  EXPECT_NE(next_event(one).find("\"mine\""), std::string::npos);
}

TEST(Channels, ASlowReaderIsToldHowManyMessagesItMissed) {
  HttpOptions options;
  options.watch_buffer_bytes_max = 4096;
  options.watch_heartbeat_ms = 0;
  WireServer server(options);
  Wire one(server.port());
  subscribe(one, "/channels/news");
  // The publisher is the store itself, so that nothing paces it; the reader's buffers hold some, the rest is missed.
  const std::string payload(1000, 'x');
  constexpr uint64_t kMessages = 50'000;
  for (uint64_t i = 0; i < kMessages; ++i) server.store().channels().publish("default", "news", payload);
  uint64_t got = 0, missed = 0;
  while (got + missed < kMessages) {
    const std::string event = next_event(one);
    ASSERT_FALSE(event.empty()) << "after " << got << " messages and " << missed << " missed";
    if (event.starts_with("message"))
      ++got;
    else
      missed += std::stoull(event.substr(event.rfind(':') + 1));
  }
  EXPECT_EQ(got + missed, kMessages);
  EXPECT_GT(missed, 0u);
}

TEST(Channels, AMessageTooLargeForTheBufferIsMissed) {
  HttpOptions options;
  options.watch_buffer_bytes_max = 1000;
  WireServer server(options);
  Wire one(server.port()), wire(server.port());
  subscribe(one, "/channels/news");
  publish(wire, "news", std::string(2000, 'x'));
  EXPECT_EQ(next_event(one), "missed\ndata: {\"missed\":1}\n\n");
}

TEST(Channels, BeatWhileNobodyPublishesAndEndWithTheConnection) {
  HttpOptions options;
  options.watch_heartbeat_ms = 50;
  WireServer server(options);
  {
    Wire one(server.port());
    subscribe(one, "/channels/news");
    one.receive_through(": heartbeat\n\n");
    EXPECT_EQ(server.store().channels().subscribers("default", "news"), 1u);
  }
  while (server.store().channels().subscribers("default", "news") != 0) std::this_thread::yield();
}

TEST(Channels, ASubscriptionNamesSomething) {
  Door door;
  EXPECT_EQ(door.get("/channels?watch").status, 400);
  EXPECT_EQ(door.get("/channels/%zz").status, 400);
  EXPECT_EQ(door.put("/channels/x", "").status, 405);
  HttpOptions options;
  options.watches_max = 0;
  Door full(options);
  EXPECT_EQ(full.get("/channels/x?watch").status, 503);
}

}  // namespace
}  // namespace kvfs::http
