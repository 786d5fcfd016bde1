// Writes that are acknowledged when they are durable: who waits for the disk, and who does not.
#include <gtest/gtest.h>

#include <cerrno>
#include <list>
#include <optional>
#include <string>

#include "tests/httpbridge/wire.h"
#include "tests/store/engine/failing_directory.h"
#include "tests/store/engine/temporary_directory.h"
#include "tests/support/wait.h"

namespace kvfs::http {
namespace {

constexpr std::string_view kStrictPut =
    "PUT /v1/c/k HTTP/1.1\r\nHost: x\r\nKvfs-Sync: 1\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kGet = "GET /v1/c/k HTTP/1.1\r\nHost: x\r\n\r\n";

class DurableHttpTest : public testing::Test {
 protected:
  void TearDown() override { faults_.release_syncs(); }

  /// All connections on one thread, over a store whose syncs `faults_` holds.
  void start(HttpOptions options = {}) {
    options.threads = 1;
    StoreOptions store;
    store.engine.path = directory_.path() + "/store";
    store.engine.open_directory = [this](const std::string& path) -> Result<std::unique_ptr<Directory>> {
      auto real = open_directory(path);
      if (!real) return real.error();
      return std::unique_ptr<Directory>(std::make_unique<FailingDirectory>(std::move(*real), faults_));
    };
    server_.emplace(std::move(options), store);
  }
  uint64_t stat(std::string_view wanted) {
    for (const auto& [name, value] : server_->store().stats())
      if (name == wanted) return value;
    ADD_FAILURE() << "no statistic named " << wanted;
    return 0;
  }

  TemporaryDirectory directory_;
  Faults faults_;
  std::optional<WireServer> server_;
};

TEST_F(DurableHttpTest, EveryDialectWaitsForTheDiskWhereItIsToldTo) {
  start();
  const auto request = [](const std::string& line, const std::string& body) {
    return line + " HTTP/1.1\r\nHost: x\r\nKvfs-Sync: 1\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  };
  for (const std::string& bytes :
       {request("POST /record", R"({"key":"k","value":"v"})"),
        request("POST /record", R"({"key":"k","value":"w","partialUpdate":true})"),
        request("PUT /objects", R"({"key":"k","value":1})"), request("POST /put", R"({"key":"k","value":"v"})"),
        request("POST /batch", R"({"items":[{"key":"k","value":"v"}]})"), request("POST /bulk", R"({"k":"v"})"),
        request("POST /kv/k", "v"), request("DELETE /record/k", "")}) {
    faults_.hold_syncs();
    Wire writer(server_->port());
    writer.send(bytes);
    EXPECT_TRUE(faults_.wait_for_held_sync()) << bytes;
    faults_.release_syncs();
    EXPECT_EQ(writer.receive().status, 200) << bytes;
  }
}

TEST_F(DurableHttpTest, StrictWriteWaitsForTheDiskWhileOthersOfItsThreadAreServed) {
  start();
  faults_.hold_syncs();
  Wire writer(server_->port());
  Wire reader(server_->port());
  writer.send(kStrictPut);
  ASSERT_TRUE(faults_.wait_for_held_sync());
  for (int i = 0; i < 3; ++i) {
    reader.send(kGet);
    EXPECT_EQ(reader.receive().body, "hello") << "visible before it is durable";
  }
  reader.send("PUT /v1/c/other HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(reader.receive().status, 201);
  EXPECT_TRUE(writer.silent());
  faults_.release_syncs();
  EXPECT_EQ(writer.receive().status, 201);
}

TEST_F(DurableHttpTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  faults_.hold_syncs();
  Wire wire(server_->port());
  wire.send(std::string(kGet) + std::string(kStrictPut) + std::string(kGet));
  EXPECT_EQ(wire.receive().status, 404) << "what came before does not wait";
  ASSERT_TRUE(faults_.wait_for_held_sync());
  wire.send(kGet);
  EXPECT_TRUE(wire.silent());
  faults_.release_syncs();
  EXPECT_EQ(wire.receive().status, 201);
  EXPECT_EQ(wire.receive().body, "hello");
  EXPECT_EQ(wire.receive().body, "hello");
}

TEST_F(DurableHttpTest, ConcurrentStrictWritersShareSyncs) {
  constexpr uint64_t kWriters = 64;
  start();
  faults_.hold_syncs();
  Wire first(server_->port());
  first.send(kStrictPut);
  ASSERT_TRUE(faults_.wait_for_held_sync());
  std::list<Wire> writers;
  for (uint64_t i = 0; i < kWriters; ++i) writers.emplace_back(server_->port()).send(kStrictPut);
  ASSERT_TRUE(test::wait_until([&] { return stat("commits_synced") == kWriters + 1; }));
  const uint64_t syncs_before = faults_.syncs;
  faults_.release_syncs();
  EXPECT_EQ(first.receive().status, 201);
  for (Wire& writer : writers) EXPECT_EQ(writer.receive().status, 204);
  EXPECT_LE(faults_.syncs - syncs_before, 8u);
}

TEST_F(DurableHttpTest, EveryWayToChangeAStrictCollectionWaits) {
  start();
  Wire wire(server_->port());
  wire.send("PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"fsync\":\"strict\"}");
  EXPECT_LT(wire.receive().status, 300);
  for (const std::string_view request : {"PUT /v1/default/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
                                         "PATCH /v1/default/a?append HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
                                         "POST /v1/default/n?incr=5 HTTP/1.1\r\nHost: x\r\n\r\n",
                                         "POST /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                         "36\r\n\r\n[{\"op\":\"put\",\"key\":\"b\",\"value\":\"b\"}]",
                                         "PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
                                         "DELETE /v1/default/a HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    faults_.hold_syncs();
    wire.send(request);
    ASSERT_TRUE(faults_.wait_for_held_sync());
    EXPECT_TRUE(wire.silent()) << request;
    faults_.release_syncs();
    EXPECT_LT(wire.receive().status, 300) << request;
  }
}

class DurableRemovalTest : public DurableHttpTest {
 protected:
  /// With one key, `k`.
  void make_strict_collection(const std::string& path) {
    Wire wire(server_->port());
    wire.send("PUT " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"fsync\":\"strict\"}");
    EXPECT_EQ(wire.receive().status, 201);
    wire.send("PUT " + path + "/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(wire.receive().status, 201);
  }
};

TEST_F(DurableRemovalTest, OfAStrictCollectionWaitsForTheDiskAndHoldsNobody) {
  start();
  make_strict_collection("/v1/c");
  faults_.hold_syncs();
  Wire remover(server_->port());
  remover.send("DELETE /v1/c HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(faults_.wait_for_held_sync());
  Wire reader(server_->port());
  reader.send(kGet);
  EXPECT_EQ(reader.receive().status, 404) << "gone before that is durable";
  faults_.release_syncs();
  EXPECT_NE(remover.receive().body.find("{\"removed\":1}"), std::string::npos);
}

TEST_F(DurableRemovalTest, WhoseClientLeavesOrWhoseServerEndsHarmsNobody) {
  HttpOptions options;
  options.drain_timeout_ms = 1;
  start(options);
  make_strict_collection("/v1/c");
  make_strict_collection("/v1/d");
  faults_.hold_syncs();
  {
    Wire leaving(server_->port());
    leaving.send("DELETE /v1/c HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(faults_.wait_for_held_sync());
  }
  Wire staying(server_->port());
  staying.send("DELETE /v1/d HTTP/1.1\r\nHost: x\r\n\r\n");
  Wire reader(server_->port());
  while (true) {  // until the removal has been carried out
    reader.send("GET /v1/d HTTP/1.1\r\nHost: x\r\n\r\n");
    if (reader.receive().status == 404) break;
  }
  staying.receive_through("\r\n\r\n");
  server_->server().stop();
  faults_.release_syncs();
  server_.reset();
  EXPECT_TRUE(staying.closed()) << "not durable, not acknowledged";
}

TEST_F(DurableHttpTest, FailedSyncIsAnErrorThatSaysWhy) {
  start();
  Wire wire(server_->port());
  faults_.sync = EIO;
  wire.send(kStrictPut);
  const Wire::Reply failed = wire.receive();
  EXPECT_EQ(failed.status, 500);
  EXPECT_NE(failed.body.find("fdatasync"), std::string::npos) << failed.body;
  wire.send(kStrictPut);
  const Wire::Reply refused = wire.receive();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("fdatasync"), std::string::npos) << refused.body;
  wire.send(kGet);
  EXPECT_EQ(wire.receive().status, 200);
}

TEST_F(DurableHttpTest, DiskThatDoesNotConfirmInTimeIs504) {
  HttpOptions options;
  options.request_timeout_ms = 500;
  start(options);
  faults_.hold_syncs();
  Wire wire(server_->port());
  wire.send(kStrictPut);
  const Wire::Reply late = wire.receive();
  EXPECT_EQ(late.status, 504);
  EXPECT_NE(late.body.find("request_timeout"), std::string::npos) << late.body;
  EXPECT_TRUE(wire.closed());
}

TEST_F(DurableHttpTest, ClientsThatLeaveWhileTheDiskWorksHarmNobody) {
  start();
  faults_.hold_syncs();
  Wire half(server_->port());
  half.send(kStrictPut);
  half.end_sending();
  ASSERT_TRUE(faults_.wait_for_held_sync());
  { Wire(server_->port()).send(kStrictPut); }
  Wire other(server_->port());
  other.send(kGet);
  EXPECT_EQ(other.receive().status, 200);
  faults_.release_syncs();
  EXPECT_EQ(half.receive().status, 201) << "who ended sending still listens";
  other.send(kStrictPut);
  EXPECT_EQ(other.receive().status, 204);
}

TEST_F(DurableHttpTest, ServerEndsWhileTheDiskWorks) {
  HttpOptions options;
  options.drain_timeout_ms = 1;
  start(options);
  faults_.hold_syncs();
  Wire wire(server_->port());
  wire.send(kStrictPut);
  ASSERT_TRUE(faults_.wait_for_held_sync());
  server_->server().stop();
  faults_.release_syncs();
  server_.reset();
  EXPECT_TRUE(wire.closed()) << "not durable, not acknowledged";
}

}  // namespace
}  // namespace kvfs::http
