// Where doors listen, and what is in the way.
#include "net/listening_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

Result<Listening> listen_at(const std::string& text, size_t copies = 1) {
  const auto parsed = ListenAddress::parse(text);
  if (!parsed) return parsed.error();
  const auto address = resolve(*parsed);
  if (!address) return address.error();
  return listen_on(*address, 16, copies);
}

bool takes_connections(const SocketAddress& server) {
  const Descriptor client(::socket(server.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(client.get(), server.data(), static_cast<socklen_t>(server.size())) == 0;
}

class SocketPathTest : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/socket"; }
  std::string address() const { return "unix:" + path(); }
  bool is_socket() const {
    struct stat status {};
    return ::lstat(path().c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  }
  const TemporaryDirectory directory_;
};

TEST_F(SocketPathTest, IsRemovedAtTheEnd) {
  {
    const auto listening = listen_at(address(), 3);
    ASSERT_TRUE(listening) << listening.error().message();
    ASSERT_EQ(listening->sockets.size(), 1u);
    EXPECT_EQ(listening->sockets[0].size(), 1u) << "Unix sockets cannot share";
    EXPECT_EQ(listening->port, 0);
    EXPECT_TRUE(is_socket());
    EXPECT_TRUE(takes_connections(local_address(listening->sockets[0][0].get())));
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SocketPathTest, ThatADeadServerLeftIsTakenOver) {
  {
    auto dead = listen_at(address());
    ASSERT_TRUE(dead);
    // What a killed process leaves: the name, and nobody behind it.
    std::filesystem::create_hard_link(path(), path() + ".kept");
  }
  std::filesystem::rename(path() + ".kept", path());
  ASSERT_TRUE(is_socket());
  const auto listening = listen_at(address());
  ASSERT_TRUE(listening) << listening.error().message();
  EXPECT_TRUE(takes_connections(local_address(listening->sockets[0][0].get())));
}

TEST_F(SocketPathTest, ThatALivingServerHasIsLeftToIt) {
  const auto first = listen_at(address());
  ASSERT_TRUE(first);
  const auto second = listen_at(address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_TRUE(takes_connections(local_address(first->sockets[0][0].get())));
}

TEST_F(SocketPathTest, ThatIsAFileStaysAFile) {
  std::ofstream(path()) << "somebody's data";
  const auto listening = listen_at(address());
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Errc::exists);
  EXPECT_NE(listening.error().detail.find("not a socket"), std::string::npos) << listening.error().detail;
  std::string content;
  std::getline(std::ifstream(path()), content);
  EXPECT_EQ(content, "somebody's data");
}

TEST(ListenOn, SocketsOfOneAddressShareAPortAndNoOtherServerDoes) {
  const auto listening = listen_at("127.0.0.1:0", 3);
  ASSERT_TRUE(listening) << listening.error().message();
  ASSERT_EQ(listening->sockets.size(), 1u);
  ASSERT_EQ(listening->sockets[0].size(), 3u);
  for (const Descriptor& socket : listening->sockets[0])
    EXPECT_EQ(as_tcp(local_address(socket.get())).port(), listening->port);
  const auto other = listen_at("127.0.0.1:" + std::to_string(listening->port), 3);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::busy);
}

TEST(ListenOn, ANameNeedsOneAddressThatThisMachineHas) {
  const auto parsed = ListenAddress::parse("localhost:0");
  ASSERT_TRUE(parsed);
  auto address = resolve(*parsed);
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->local);
  ASSERT_EQ(address->endpoints.size(), 1u) << "one port for all";
  namespace ip = boost::asio::ip;
  const SocketAddress missing(ip::tcp::endpoint(ip::make_address("203.0.113.1"), 0));  // RFC 5737
  address->endpoints.insert(address->endpoints.begin(), missing);
  const auto listening = listen_on(*address, 16, 1);
  ASSERT_TRUE(listening) << listening.error().message();
  EXPECT_EQ(listening->sockets.size(), 1u);
  address->endpoints = {missing, missing};
  const auto nowhere = listen_on(*address, 16, 1);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Errc::not_found);
}

TEST(ListenOn, LocalhostWithAPortIsBothFamilies) {
  const auto parsed = ListenAddress::parse("localhost:7");
  ASSERT_TRUE(parsed);
  const auto address = resolve(*parsed);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->endpoints.size(), 2u);
  EXPECT_TRUE(address->local);
}

TEST(ListenOn, EverywhereIsNotLocal) {
  for (const char* text : {"*:0", "0.0.0.0:0"}) {
    const auto parsed = ListenAddress::parse(text);
    ASSERT_TRUE(parsed);
    const auto address = resolve(*parsed);
    ASSERT_TRUE(address);
    EXPECT_FALSE(address->local) << text;
    EXPECT_TRUE(listen_on(*address, 16, 2)) << text;
  }
}

}  // namespace
}  // namespace kvfs
