// Values that come over several connections at once share a commit, and nobody can tell but by the time it takes.
#include <gtest/gtest.h>

#include <condition_variable>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "tests/httpbridge/wire.h"

namespace kvfs::http {
namespace {

constexpr size_t kClients = 20;

std::string put(const std::string& key, const std::string& value, const std::string& fields = {}) {
  return "PUT /v1/c/" + key + " HTTP/1.1\r\nHost: x\r\n" + fields + "Content-Length: " + std::to_string(value.size()) +
         "\r\n\r\n" + value;
}

std::string get(const std::string& key) { return "GET /v1/c/" + key + " HTTP/1.1\r\nHost: x\r\n\r\n"; }

HttpOptions on_one_thread() {
  HttpOptions options;
  options.threads = 1;
  return options;
}

/// Keeps all who commit waiting.
class Hold {
 public:
  explicit Hold(Store& store) {
    std::unique_lock lock(mutex_);
    thread_ = std::thread([this, &store] {
      (void)store.write([this](WriteTxn&) -> Result<void> {
        std::unique_lock held(mutex_);
        holds_ = true;
        changed_.notify_all();
        changed_.wait(held, [this] { return released_; });
        return {};
      });
    });
    changed_.wait(lock, [this] { return holds_; });
  }
  ~Hold() {
    {
      const std::lock_guard lock(mutex_);
      released_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool holds_ = false;
  bool released_ = false;
  std::thread thread_;
};

class SharedPutTest : public testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kClients; ++i) {
      Wire& client = clients_.emplace_back(server_.port());
      client.send(get("nothing"));  // from now on it is among those that are looked at together
      EXPECT_EQ(client.receive().status, 404);
    }
    clients_.front().send(put("first", "makes the collection"));
    EXPECT_EQ(clients_.front().receive().status, 201);
  }

  WireServer server_{on_one_thread()};
  std::list<Wire> clients_;
};

TEST_F(SharedPutTest, ThoseThatComeTogetherAreFewCommits) {
  const Sequence before = server_.store().last_commit();
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) client.send(put("k" + std::to_string(i++), "v"));
  }
  for (Wire& client : clients_) EXPECT_EQ(client.receive().status, 201);
  // Two: what was there when the thread looked first, and the rest; more where the network is slow.
  EXPECT_LT(server_.store().last_commit() - before, kClients / 2);
  size_t i = 0;
  for (Wire& client : clients_) {
    client.send(get("k" + std::to_string(i++)));
    EXPECT_EQ(client.receive().body, "v");
  }
}

TEST_F(SharedPutTest, TheLastOfThoseToOneKeyCountsAndEachHasItsOwnVersion) {
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) client.send(put("k", std::to_string(i++)));
  }
  std::set<std::string> versions;
  size_t created = 0;
  for (Wire& client : clients_) {
    const Wire::Reply reply = client.receive();
    versions.insert(reply.field("ETag"));
    created += reply.status == 201 ? 1 : 0;
  }
  EXPECT_EQ(versions.size(), kClients);
  EXPECT_EQ(created, 1U);
  clients_.front().send(get("k"));
  const Wire::Reply last = clients_.front().receive();
  EXPECT_TRUE(versions.contains(last.field("ETag")));
  EXPECT_EQ(*versions.rbegin(), last.field("ETag"));
}

TEST_F(SharedPutTest, OneThatIsRefusedHarmsNoOther) {
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) {
      const std::string key = i % 5 == 1 ? std::string(300, 'k') : "k" + std::to_string(i);
      const std::string fields = i % 5 == 2   ? "Kvfs-Ttl: soon\r\n"
                                 : i % 5 == 3 ? "If-Match: \"1\"\r\n"
                                 : i % 5 == 4 ? "Kvfs-Sync: 1\r\n"
                                              : "";
      client.send(put(key, "v", fields));
      ++i;
    }
  }
  size_t i = 0;
  for (Wire& client : clients_) {
    const int expected = i % 5 == 1 || i % 5 == 2 ? 400 : i % 5 == 3 ? 412 : 201;
    EXPECT_EQ(client.receive().status, expected) << i;
    client.send(get("k" + std::to_string(i)));
    EXPECT_EQ(client.receive().status, expected == 201 ? 200 : 404) << i;
    ++i;
  }
}

TEST_F(SharedPutTest, AnswersCarryTheirOwnRequestsFields) {
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) {
      client.send(put("k" + std::to_string(i), "v", "X-Request-Id: r" + std::to_string(i) + "\r\n"));
      ++i;
    }
  }
  size_t i = 0;
  for (Wire& client : clients_) EXPECT_EQ(client.receive().field("X-Request-Id"), "r" + std::to_string(i++));
}

TEST_F(SharedPutTest, PipelinedRequestsKeepTheirOrder) {
  {
    const Hold hold(server_.store());
    for (Wire& client : clients_) client.send(put("k", "1") + put("k", "2") + get("k") + put("k", "3"));
  }
  for (Wire& client : clients_) {
    EXPECT_LT(client.receive().status, 300);
    EXPECT_LT(client.receive().status, 300);
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_LT(client.receive().status, 300);
  }
  Wire alone(server_.port());
  alone.send(put("mine", "1") + put("mine", "2") + get("mine"));
  EXPECT_EQ(alone.receive().status, 201);
  EXPECT_EQ(alone.receive().status, 204);
  EXPECT_EQ(alone.receive().body, "2");
}

TEST_F(SharedPutTest, ObserversKnowBeforeTheClient) {
  std::mutex mutex;
  std::set<std::string> told;
  const auto observer = server_.store().feed().observe(
      [&](const Change& change) {
        const std::lock_guard lock(mutex);
        told.insert(change.key);
      },
      kNoOrigin);
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) client.send(put("k" + std::to_string(i++), "v"));
  }
  size_t i = 0;
  for (Wire& client : clients_) {
    EXPECT_EQ(client.receive().status, 201);
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(told.contains("k" + std::to_string(i))) << i;
    ++i;
  }
}

TEST_F(SharedPutTest, ClientsThatLeaveHarmNoOther) {
  {
    const Hold hold(server_.store());
    size_t i = 0;
    for (Wire& client : clients_) {
      client.send(put("k" + std::to_string(i), "v"));
      if (i % 2 == 1) client.end_sending();
      ++i;
    }
    Wire(server_.port()).send(put("gone", "v"));
  }
  for (Wire& client : clients_) EXPECT_EQ(client.receive().status, 201);
}

TEST_F(SharedPutTest, AnswersThatAreSentTogetherGoEachToItsOwnClient) {
  constexpr int kReaders = 150;
  std::list<Wire> readers;
  for (int i = 0; i < kReaders; ++i) {
    const std::string key = "k" + std::to_string(i);
    clients_.front().send(put(key, std::string(static_cast<size_t>(i), 'v')));
    EXPECT_EQ(clients_.front().receive().status, 201);
    Wire& reader = readers.emplace_back(server_.port());
    reader.send(get(key));
    EXPECT_EQ(reader.receive().status, 200);
  }
  {
    const Hold hold(server_.store());
    clients_.front().send(put("k", "keeps the thread waiting while the others ask"));
    int i = 0;
    for (Wire& reader : readers) {
      const std::string key = "k" + std::to_string(i);
      if (i % 10 == 3)
        reader.send("no request\r\n\r\n");
      else if (i % 10 == 5)
        reader.send(get(key) + "GET /v1/c/" + key + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      else
        reader.send(get(key));
      if (i % 10 == 7) reader.end_sending();
      ++i;
    }
    Wire(server_.port()).send(get("k1"));  // and leaves
  }
  EXPECT_EQ(clients_.front().receive().status, 201);
  size_t i = 0;
  for (Wire& reader : readers) {
    const bool refused = i % 10 == 3;
    const Wire::Reply reply = reader.receive();
    EXPECT_EQ(reply.status, refused ? 400 : 200) << i;
    if (!refused) {
      EXPECT_EQ(reply.body.size(), i);
    }
    if (i % 10 == 5) {
      EXPECT_EQ(reader.receive().body.size(), i);
    }
    if (refused || i % 10 == 5) {
      EXPECT_TRUE(reader.closed()) << i;
    }
    ++i;
  }
}

}  // namespace
}  // namespace kvfs::http
