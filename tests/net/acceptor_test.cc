#include "net/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <stdexcept>
#include <vector>

#include "net/socket_address.h"

namespace kvfs {
namespace {

constexpr std::chrono::hours kNever{1};

/// Listens on a port of its own on the loopback address.
class AcceptorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    listening_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listening_.get(), 1000), 0);
    const SocketAddress bound = local_address(listening_.get());
    address_ = *reinterpret_cast<const sockaddr_in*>(bound.data());
  }
  void connect(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      clients_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ASSERT_EQ(::connect(clients_.back().get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    }
  }

  Descriptor listening_;
  sockaddr_in address_{};
  std::vector<Descriptor> clients_;
};

TEST_F(AcceptorTest, TakesAllThatWaitHoweverManyTheyAre) {
  constexpr size_t kClients = 200;
  EventLoop loop("test", {[] {}, kNever});
  size_t taken = 0;
  Acceptor acceptor(loop, std::move(listening_), "here", [&](Descriptor connection) {
    EXPECT_NE(::fcntl(connection.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(host_text(remote_address(connection.get())), "127.0.0.1");
    if (++taken == kClients) loop.stop();
  });
  ASSERT_TRUE(acceptor.start());
  connect(kClients);
  loop.run();
  EXPECT_EQ(taken, kClients);
}

TEST_F(AcceptorTest, AConnectionThatCannotBeServedIsDroppedAlone) {
  EventLoop loop("test", {[] {}, kNever});
  size_t taken = 0;
  Acceptor acceptor(loop, std::move(listening_), "here", [&](Descriptor) {
    if (++taken == 1) throw std::runtime_error("no memory for this one");
    loop.stop();
  });
  ASSERT_TRUE(acceptor.start());
  connect(2);
  loop.run();
  EXPECT_EQ(taken, 2U);
  char byte;
  EXPECT_EQ(::recv(clients_[0].get(), &byte, 1, 0), 0);
}

TEST_F(AcceptorTest, GoesOnWhenThereAreDescriptorsAgain) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit usual = limit;
  size_t taken = 0;
  size_t ticks = 0;
  EventLoop loop("test", {[] {}, std::chrono::milliseconds(1)});
  loop.each_tick([&] {
    if (++ticks == 1) ::setrlimit(RLIMIT_NOFILE, &usual);
  });
  Acceptor acceptor(loop, std::move(listening_), "here", [&](Descriptor) {
    ++taken;
    loop.stop();
  });
  ASSERT_TRUE(acceptor.start());
  connect(1);
  const Descriptor next(::dup(0));  // the lowest that is free
  limit.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  loop.run();
  EXPECT_EQ(taken, 1U);
  EXPECT_GE(ticks, 1U);
}

TEST_F(AcceptorTest, TakesNoneAfterItsEnd) {
  size_t taken = 0;
  EventLoop loop("test", {[&] { loop.stop(); }, kNever});
  Acceptor acceptor(loop, std::move(listening_), "here", [&](Descriptor) { ++taken; });
  ASSERT_TRUE(acceptor.start());
  connect(1);
  loop.post([&] { acceptor.close(); });
  loop.run();
  EXPECT_EQ(taken, 0U);
}

}  // namespace
}  // namespace kvfs
