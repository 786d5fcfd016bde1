// Where the Redis door listens.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "respbridge/server.h"
#include "store/store.h"

namespace kvfs::resp {
namespace {

class ListenTest : public testing::Test {
 protected:
  ListenTest() {
    StoreOptions options;
    options.engine.kind = "memory";
    store_ = *Store::open(options);
  }
  Result<std::unique_ptr<RespServer>> start(std::vector<std::string> listen) {
    RespOptions options;
    options.listen = std::move(listen);
    options.anonymous = true;
    return RespServer::start(*store_, options);
  }
  std::unique_ptr<Store> store_;
};

TEST_F(ListenTest, AnAddressThatMayBeMissingIsLeftOut) {
  const auto server = start({"127.0.0.1:0", "-[2001:db8::5]:0"});
  ASSERT_TRUE(server) << server.error().message();
  EXPECT_EQ((*server)->ports().size(), 1u);
  EXPECT_EQ((*server)->urls().size(), 1u);
}

TEST_F(ListenTest, AnAddressThatIsMissingIsRefused) {
  const auto server = start({"127.0.0.1:0", "[2001:db8::5]:0"});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::not_found);
  EXPECT_NE(server.error().detail.find("[2001:db8::5]:0"), std::string::npos) << server.error().detail;
}

TEST_F(ListenTest, AnAddressInUseIsRefusedAlsoWhereItMayBeMissing) {
  const auto first = start({"127.0.0.1:0"});
  ASSERT_TRUE(first);
  const auto second = start({"-127.0.0.1:" + std::to_string((*first)->ports().front())});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
}

TEST_F(ListenTest, AFileInTheSocketsPlaceIsKept) {
  const std::string path = testing::TempDir() + "kvfs_listen_test_" + std::to_string(getpid());
  std::ofstream(path) << "somebody's data";
  const auto server = start({"unix:" + path});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::exists);
  EXPECT_EQ(std::filesystem::file_size(path), 15u);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace kvfs::resp
