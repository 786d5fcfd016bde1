// Clients that want too much, or never say who they are.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>

#include "respbridge/server.h"
#include "store/store.h"

namespace kvfs::resp {
namespace {

namespace asio = boost::asio;

class Peer {
 public:
  explicit Peer(uint16_t port) : socket_(io_) { socket_.connect({asio::ip::address_v4::loopback(), port}); }
  void send(std::string_view bytes) { asio::write(socket_, asio::buffer(bytes)); }
  /// Shorter where the connection ends before.
  std::string receive(size_t count) {
    std::string bytes(count, '\0');
    boost::system::error_code error;
    bytes.resize(asio::read(socket_, asio::buffer(bytes), error));
    return bytes;
  }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
};

class RatesTest : public testing::Test {
 protected:
  void start(RespOptions options) {
    StoreOptions store;
    store.engine.kind = "memory";
    store_ = *Store::open(store);
    options.listen = {"127.0.0.1:0"};
    server_ = *RespServer::start(*store_, options);
  }
  uint16_t port() { return server_->ports().front(); }

  std::unique_ptr<Store> store_;
  std::unique_ptr<RespServer> server_;
};

TEST_F(RatesTest, AClientBeyondItsRateIsReadFromMoreSlowlyAndOthersAreNot) {
  RespOptions options;
  options.key_rate = {20, 5};
  options.keys.push_back({"one", "key-1", "", "acme", false, false});
  options.keys.push_back({"two", "key-2", "", "acme", false, false});
  start(options);
  Peer greedy(port()), modest(port());
  greedy.send("AUTH key-1\r\n");
  modest.send("AUTH key-2\r\n");
  EXPECT_EQ(greedy.receive(5), "+OK\r\n");
  EXPECT_EQ(modest.receive(5), "+OK\r\n");
  const auto begun = std::chrono::steady_clock::now();
  std::string pings;
  for (int i = 0; i < 25; ++i) pings += "PING\r\n";
  greedy.send(pings);
  EXPECT_EQ(greedy.receive(25 * 7).size(), 25u * 7) << "what has come is carried out";
  greedy.send("PING\r\n");
  modest.send("PING\r\n");
  EXPECT_EQ(modest.receive(7), "+PONG\r\n");
  EXPECT_EQ(greedy.receive(7), "+PONG\r\n");
  // 20 commands more than may come at once are a second's worth; it never goes faster.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(900));
}

TEST_F(RatesTest, ARateOfAddressesHoldsForAllTheirConnectionsAndAReloadEndsIt) {
  RespOptions options;
  options.address_rate = {20, 1};
  start(options);
  Peer one(port());
  const auto begun = std::chrono::steady_clock::now();
  one.send("PING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\nPING\r\n");
  EXPECT_EQ(one.receive(11 * 7).size(), 11u * 7);
  one.send("PING\r\n");
  EXPECT_EQ(one.receive(7), "+PONG\r\n");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(400));
  options.address_rate = {};
  {
    const auto take_over = server_->prepare_reload(options);
    ASSERT_TRUE(take_over) << take_over.error().message();
    (*take_over)();
  }
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "PING\r\n";
  Peer other(port());
  for (int i = 0; i < 3; ++i) {  // at the old rate this would take half an hour
    other.send(many);
    EXPECT_EQ(other.receive(10'000 * 7).size(), 70'000u);
  }
}

TEST_F(RatesTest, WhoDoesNotSayWhoHeIsIsDisconnected) {
  RespOptions options;
  options.auth_timeout_ms = 200;
  options.keys.push_back({"one", "key-1", "", "acme", false, false});
  start(options);
  Peer silent(port()), known(port());
  known.send("AUTH key-1\r\n");
  EXPECT_EQ(known.receive(5), "+OK\r\n");
  EXPECT_EQ(silent.receive(1), "");
  known.send("PING\r\n");
  EXPECT_EQ(known.receive(7), "+PONG\r\n");
}

}  // namespace
}  // namespace kvfs::resp
