// The Redis door without sockets: bytes in, bytes out, over a store in memory with a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "respbridge/executor.h"
#include "respbridge/parser.h"
#include "respbridge/service.h"
#include "store/store.h"

namespace kvfs::resp {

/// Keeps what is pushed, as text.
class RecordingOutbox : public Outbox {
 public:
  void deliver(const Channels::Message& message) noexcept override {
    log.append(message.channel).append("=").append(message.payload).append(";");
  }
  void deliver_sharded(const Channels::Message& message) noexcept override {
    log.append("shard ");
    deliver(message);
  }
  void push(std::string_view bytes) noexcept override { log.append(bytes); }
  int protocol() const noexcept override { return protocol_version; }
  bool subscribes() const noexcept override { return true; }
  std::string log;
  int protocol_version = 2;
};

/// A connection: what it is sent is parsed and executed as a session would.
class TestClient {
 public:
  TestClient(Service& service, bool loopback = true) : executor_(service) {
    client_.card->id = service.clients().next_id();
    client_.card->address = "127.0.0.1:" + std::to_string(50'000 + client_.card->id);
    client_.outbox = outbox = std::make_shared<RecordingOutbox>();
    client_.card->outbox = client_.outbox;
    service.admit(client_, loopback);
    service.clients().add(client_.card);
  }

  /// The replies to all commands in `input` (arrays or inline), as they are on the wire.
  std::string send(std::string_view input) {
    Parser parser({});
    std::vector<std::vector<std::string>> commands;
    std::string buffer(input);
    size_t at = 0;
    while (parser.parse(std::string_view(buffer).substr(at)) == Parser::Status::command) {
      at += parser.consumed();
      if (!parser.arguments().empty()) commands.emplace_back(parser.arguments().begin(), parser.arguments().end());
    }
    return run(commands);
  }

  std::string run(const std::vector<std::vector<std::string>>& commands) {
    std::vector<std::vector<std::string_view>> views;
    std::vector<Args> batch;
    for (const auto& command : commands) views.emplace_back(command.begin(), command.end());
    for (const auto& view : views) batch.emplace_back(view);
    std::string out;
    size_t done = 0;
    while (done < batch.size() && !client_.closing) {
      done += executor_.run(client_, std::span<const Args>(batch).subspan(done), out);
      if (client_.job) Executor::reply_job(client_, std::exchange(client_.job, nullptr)(), out);
    }
    outbox->protocol_version = client_.protocol;
    return out;
  }

  /// One command as typed; its reply with "\r\n" as '|' between lines and none at the end: "$3|abc".
  std::string operator()(std::string_view line) { return shown(send(std::string(line) + "\r\n")); }
  std::string operator()(const std::vector<std::string>& command) { return shown(run({command})); }

  /// What was pushed since the last call, shown as operator() shows replies.
  std::string pushed() { return shown(std::exchange(outbox->log, {})); }
  std::string id() const { return std::to_string(client_.card->id); }
  Client& client() { return client_; }
  std::shared_ptr<RecordingOutbox> outbox;

 private:
  static std::string shown(const std::string& reply) {
    std::string out;
    for (size_t i = 0; i < reply.size(); ++i) {
      if (reply.compare(i, 2, "\r\n") == 0) {
        if (i + 2 < reply.size()) out.push_back('|');
        ++i;
      } else {
        out.push_back(reply[i]);
      }
    }
    return out;
  }

  Client client_;
  Executor executor_;
};

class DoorTest : public testing::Test {
 protected:
  static constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;

  virtual RespOptions options() { return {}; }

  void SetUp() override {
    StoreOptions store_options;
    store_options.engine.kind = "memory";
    store_options.expiry_interval_ms = 0;
    store_options.eviction.interval_ms = 0;
    store_options.clock_ns = [this] { return clock_ns_.load(); };
    Result<std::unique_ptr<Store>> opened = Store::open(store_options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    Result<std::unique_ptr<Service>> service = Service::make(*store_, options(), {});
    ASSERT_TRUE(service) << service.error().message();
    service_ = std::move(*service);
    client_ = std::make_unique<TestClient>(*service_);
  }

  void pass_ms(uint64_t ms) { clock_ns_ += ms * 1'000'000; }
  std::string cmd(std::string_view line) { return (*client_)(line); }
  std::string cmd(const std::vector<std::string>& command) { return (*client_)(command); }

  /// The value of a key of a collection, by the store itself.
  std::string stored(std::string_view collection, std::string_view key) {
    return store_->read([&](const ReadTxn& txn) -> std::string {
      const Result<DirId> tenant = find_tenant(txn, "default");
      const Result<DirId> dir = find_collection(txn, *tenant, collection);
      if (!dir) return "<no collection>";
      const Result<Entry> entry = get(txn, *dir, key);
      if (!entry) return "<none>";
      return *read_whole_value(txn, *entry, 1 << 30);
    });
  }

  std::atomic<uint64_t> clock_ns_{kStartNs};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<TestClient> client_;
};

}  // namespace kvfs::resp
