// The doors where there is no memory: a connection may end, the process and the doors do not.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <memory>
#include <string>

#include "httpbridge/server.h"
#include "respbridge/server.h"
#include "store/store.h"
#include "tests/memory/failing_memory.h"
#include "tests/support/wait.h"

namespace kvfs {
namespace {

constexpr int kConnections = 20;  // more than any pool of spare memory serves

/// A connection of this thread, which has memory.
class Line {
 public:
  explicit Line(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const timeval patience{60, 0};
    (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Line() { ::close(fd_); }
  Line(const Line&) = delete;
  /// The first bytes of the answer; empty: the server has ended the connection.
  std::string ask(const std::string& request) {
    (void)::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[256];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    EXPECT_FALSE(got < 0 && errno == EAGAIN) << "neither an answer nor an end";
    return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
  }

 private:
  int fd_;
};

std::unique_ptr<Store> open_store() {
  StoreOptions options;
  options.engine.kind = "memory";
  return Store::open(options).value();
}

/// The door answers in the end.
void expect_service(uint16_t port, const std::string& request, const std::string& answer) {
  std::string got;
  for (int tries = 0; tries < 100 && !got.starts_with(answer); ++tries) got = Line(port).ask(request);
  EXPECT_TRUE(got.starts_with(answer)) << got;
}

/// The log needs memory when it is first used.
[[maybe_unused]] const auto log_is_there = spdlog::default_logger();

void starve(uint16_t port, const std::string& request, const std::string& answer) {
  Line before(port);
  EXPECT_TRUE(before.ask(request).starts_with(answer));
  {
    const test::NoMemoryElsewhere nowhere;
    (void)before.ask(request);
    std::list<Line> others;
    for (int i = 0; i < kConnections; ++i) others.emplace_back(port);
    EXPECT_TRUE(test::wait_until([&] { return nowhere.failures() > 0; }));
  }
  for (int i = 0; i < kConnections; ++i) expect_service(port, request, answer);
}

TEST(DoorsMemory, TheRedisDoorServesAgainAfterMemoryWasWanting) {
  const auto store = open_store();
  resp::RespOptions options;
  options.listen = {"127.0.0.1:0"};
  options.threads = 1;
  const auto server = resp::RespServer::start(*store, options, {}).value();
  starve(server->ports().front(), "SET key value\r\n", "+OK");
}

TEST(DoorsMemory, TheHttpDoorServesAgainAfterMemoryWasWanting) {
  const auto store = open_store();
  http::HttpOptions options;
  options.listen = {"127.0.0.1:0"};
  options.threads = 1;
  const auto server = http::HttpServer::start(*store, options).value();
  starve(server->ports().front(), "PUT /kv/key HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv", "HTTP/1.1 20");
}

TEST(DoorsMemory, SubscribersWhoseMessagesThereIsNoMemoryForAreDisconnected) {
  const auto store = open_store();
  resp::RespOptions options;
  options.listen = {"127.0.0.1:0"};
  options.threads = 1;
  const auto server = resp::RespServer::start(*store, options, {}).value();
  Line subscriber(server->ports().front());
  EXPECT_TRUE(subscriber.ask("SUBSCRIBE news\r\n").starts_with("*3"));
  {
    const test::FailingAllocation next(1);
    EXPECT_EQ(store->channels().publish("default", "news", std::string_view("a message that needs memory to be kept")),
              1U);
    EXPECT_TRUE(next.failed());
  }
  EXPECT_EQ(subscriber.ask(""), "");
}

}  // namespace
}  // namespace kvfs
