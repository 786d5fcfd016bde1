// Replies that wait for the disk, on real sockets.
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <list>
#include <string>

#include "respbridge/server.h"
#include "store/store.h"
#include "tests/store/engine/failing_directory.h"
#include "tests/store/engine/temporary_directory.h"
#include "tests/support/wait.h"

namespace kvfs::resp {
namespace {

namespace asio = boost::asio;

/// A connection that waits for exactly the bytes it expects.
class Peer {
 public:
  explicit Peer(uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    socket_.set_option(asio::ip::tcp::no_delay(true));
  }
  void send(std::string_view bytes) { asio::write(socket_, asio::buffer(bytes)); }
  std::string receive(size_t count) {
    std::string bytes(count, '\0');
    boost::system::error_code error;
    bytes.resize(asio::read(socket_, asio::buffer(bytes), error));
    return bytes;
  }
  std::string receive_all() {
    std::string bytes;
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(bytes), error);
    return bytes;
  }
  bool silent() { return socket_.available() == 0; }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
};

class DurableRespTest : public testing::Test {
 protected:
  /// All connections on one thread, over a strict store whose syncs `faults_` holds.
  void SetUp() override {
    StoreOptions options;
    options.engine.path = directory_.path() + "/store";
    options.engine.durability = {Durability::Mode::strict, 0};
    options.engine.open_directory = [this](const std::string& path) -> Result<std::unique_ptr<Directory>> {
      auto real = open_directory(path);
      if (!real) return real.error();
      return std::unique_ptr<Directory>(std::make_unique<FailingDirectory>(std::move(*real), faults_));
    };
    store_ = *Store::open(options);
    RespOptions door;
    door.listen = {"127.0.0.1:0"};
    door.threads = 1;
    server_ = *RespServer::start(*store_, door);
  }
  void TearDown() override { faults_.release_syncs(); }
  uint16_t port() { return server_->ports().front(); }
  /// What INCR n has come to, durable or not.
  int counter() {
    return store_->read([](const ReadTxn& txn) {
      const auto tenant = find_tenant(txn, "default");
      const auto collection = find_collection(txn, *tenant, "default");
      const auto entry = get(txn, *collection, "n");
      return entry ? std::stoi(*read_whole_value(txn, *entry, 100)) : 0;
    });
  }

  TemporaryDirectory directory_;
  Faults faults_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<RespServer> server_;
};

TEST_F(DurableRespTest, StrictWriteWaitsForTheDiskWhileOthersOfItsThreadAreServed) {
  Peer writer(port());
  Peer reader(port());
  faults_.hold_syncs();
  writer.send("GET a\r\nSET a 1\r\nGET a\r\n");
  ASSERT_TRUE(faults_.wait_for_held_sync());
  reader.send("GET a\r\n");
  EXPECT_EQ(reader.receive(7), "$1\r\n1\r\n") << "visible before it is durable";
  EXPECT_TRUE(writer.silent());
  writer.send("GET a\r\n");
  faults_.release_syncs();
  EXPECT_EQ(writer.receive(24), "$-1\r\n+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
}

TEST_F(DurableRespTest, WaitWaitsForTheDiskWhileOthersOfItsThreadAreServed) {
  Peer waiter(port());
  Peer other(port());
  waiter.send("SET a 1\r\n");
  EXPECT_EQ(waiter.receive(5), "+OK\r\n");
  faults_.hold_syncs();
  other.send("SET b 1\r\n");  // a commit that is not yet durable
  ASSERT_TRUE(faults_.wait_for_held_sync());
  waiter.send("WAIT 0 0\r\n");
  Peer third(port());
  third.send("PING\r\n");
  EXPECT_EQ(third.receive(7), "+PONG\r\n");
  EXPECT_TRUE(waiter.silent());
  faults_.release_syncs();
  EXPECT_EQ(waiter.receive(4), ":0\r\n");
  EXPECT_EQ(other.receive(5), "+OK\r\n");
}

TEST_F(DurableRespTest, ConcurrentStrictWritersShareSyncs) {
  constexpr int kWriters = 64;
  Peer first(port());
  faults_.hold_syncs();
  first.send("SET a 1\r\n");
  ASSERT_TRUE(faults_.wait_for_held_sync());
  std::list<Peer> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back(port()).send("INCR n\r\n");
  ASSERT_TRUE(test::wait_until([&] { return counter() == kWriters; }));
  const uint64_t syncs_before = faults_.syncs;
  faults_.release_syncs();
  EXPECT_EQ(first.receive(5), "+OK\r\n");
  for (Peer& writer : writers) EXPECT_EQ(writer.receive(3).front(), ':');
  EXPECT_LE(faults_.syncs - syncs_before, 8u);
}

TEST_F(DurableRespTest, FailedSyncIsTheLastReply) {
  Peer peer(port());
  peer.send("SET a 1\r\n");
  EXPECT_EQ(peer.receive(5), "+OK\r\n");
  faults_.sync = EIO;
  peer.send("SET a 2\r\nSET b 2\r\n");
  const std::string last = peer.receive_all();
  EXPECT_TRUE(last.starts_with("-ERR ")) << last;
  EXPECT_NE(last.find("fdatasync"), std::string::npos) << last;
  EXPECT_EQ(last.find("+OK"), std::string::npos) << last;
  Peer next(port());
  next.send("GET a\r\nSET a 3\r\n");
  EXPECT_EQ(next.receive(7), "$1\r\n2\r\n");
  EXPECT_EQ(next.receive(9), "-READONLY");
}

}  // namespace
}  // namespace kvfs::resp
