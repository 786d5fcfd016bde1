// TLS of the Redis door: certificates that change while it runs.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <string>

#include "respbridge/server.h"
#include "store/store.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs::resp {
namespace {

namespace asio = boost::asio;

/// A client that takes any certificate, and tells whose it was.
class TlsPeer {
 public:
  explicit TlsPeer(uint16_t port) : stream_(io_, context_) {
    stream_.next_layer().connect({asio::ip::address_v4::loopback(), port});
    stream_.handshake(asio::ssl::stream_base::client);
  }
  std::string ping() {
    asio::write(stream_, asio::buffer(std::string_view("PING\r\n")));
    std::string reply(7, '\0');
    asio::read(stream_, asio::buffer(reply));
    return reply;
  }
  std::string subject() {
    X509* certificate = SSL_get1_peer_certificate(stream_.native_handle());
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return name;
  }

 private:
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

class RespTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    make_certificate("first");
    StoreOptions store;
    store.engine.kind = "memory";
    store_ = *Store::open(store);
    options_.listen = {"tls:127.0.0.1:0"};
    options_.tls.certificate_file = directory_.path() + "/cert.pem";
    options_.tls.key_file = directory_.path() + "/key.pem";
    server_ = *RespServer::start(*store_, options_);
  }
  void make_certificate(const std::string& name) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
        " -keyout " + directory_.path() + "/key.pem -out " + directory_.path() + "/cert.pem 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }

  TemporaryDirectory directory_;
  RespOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<RespServer> server_;
};

TEST_F(RespTlsTest, AReloadBringsANewCertificateAndKeepsConnections) {
  const uint16_t port = server_->ports().front();
  TlsPeer before(port);
  EXPECT_EQ(before.subject(), "first");
  make_certificate("second");
  {
    const auto take_over = server_->prepare_reload(options_);
    ASSERT_TRUE(take_over) << take_over.error().message();
    (*take_over)();
  }
  TlsPeer after(port);
  EXPECT_EQ(after.subject(), "second");
  EXPECT_EQ(before.ping(), "+PONG\r\n");
  EXPECT_EQ(after.ping(), "+PONG\r\n");
}

TEST_F(RespTlsTest, ABrokenCertificateIsRefusedAndTheOldOneStays) {
  RespOptions broken = options_;
  broken.tls.key_file = directory_.path() + "/nowhere.pem";
  const auto refused = server_->prepare_reload(broken);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("nowhere.pem"), std::string::npos);
  EXPECT_EQ(TlsPeer(server_->ports().front()).subject(), "first");
}

}  // namespace
}  // namespace kvfs::resp
