// TLS by real clients: curl and openssl.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/httpbridge/wire.h"

namespace kvfs::http {
namespace {

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> bytes;
  for (size_t got; (got = std::fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) out.append(bytes.data(), got);
  ::pclose(pipe);
  return out;
}

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "kvfs_tls_test_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    make_certificate("first");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void make_certificate(const std::string& name) {
    output_of("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
              " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " + directory_ + "/key.pem -out " +
              directory_ + "/cert.pem");
    ASSERT_TRUE(std::filesystem::exists(directory_ + "/cert.pem"));
  }
  HttpOptions options() const {
    HttpOptions options;
    options.listen = {"tls:127.0.0.1:0"};
    options.tls.certificate_file = directory_ + "/cert.pem";
    options.tls.key_file = directory_ + "/key.pem";
    return options;
  }
  std::string curl(const std::string& arguments) const {
    return output_of("curl -sS --max-time 20 --cacert " + directory_ + "/cert.pem " + arguments);
  }
  static std::string url(const WireServer& server, const std::string& path) {
    return "https://127.0.0.1:" + std::to_string(server.port()) + path;
  }

  std::string directory_;
};

TEST_F(TlsTest, CarriesSmallAndLargeValues) {
  WireServer server(options());
  const std::string large = directory_ + "/large";
  {
    std::ofstream file(large, std::ios::binary);
    for (int i = 0; i < 1'000'000; ++i) file << i << '\n';
  }
  EXPECT_EQ(curl("-T " + large + " " + url(server, "/v1/c/large")), "");
  EXPECT_EQ(curl("-o " + large + ".back " + url(server, "/v1/c/large")), "");
  EXPECT_EQ(output_of("cmp " + large + " " + large + ".back"), "");
  EXPECT_EQ(curl(url(server, "/health") + " " + url(server, "/health")), R"({"status":"healthy"}{"status":"healthy"})");
}

TEST_F(TlsTest, RefusesOldVersionsAndPlainText) {
  WireServer server(options());
  EXPECT_NE(curl("--tls-max 1.1 " + url(server, "/health")).find("curl: ("), std::string::npos);
  EXPECT_EQ(curl("--tls-max 1.2 " + url(server, "/health")), R"({"status":"healthy"})");
  Wire plain(server.port());
  plain.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  plain.end_sending();
  EXPECT_EQ(plain.receive_through("healthy"), "");
}

TEST_F(TlsTest, SpeaksOnlyCiphersThatKeepTheirSecretAndAuthenticate) {
  WireServer server(options());
  const auto with = [&](const std::string& cipher) {
    return curl("--tls-max 1.2 --ciphers " + cipher + " " + url(server, "/health"));
  };
  for (const char* cipher :
       {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"})
    EXPECT_EQ(with(cipher), R"({"status":"healthy"})") << cipher;
  for (const char* cipher : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "AES256-SHA"})
    EXPECT_NE(with(cipher).find("handshake failure"), std::string::npos) << cipher << " " << with(cipher);
}

TEST_F(TlsTest, SlowHandshakesAreEnded) {
  HttpOptions slow = options();
  slow.header_timeout_ms = 300;
  WireServer server(slow);
  Wire silent(server.port()), half(server.port());
  half.send(std::string("\x16\x03\x01\x02\x00\x01", 6));  // the beginning of a ClientHello
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(half.closed());
}

TEST_F(TlsTest, AReloadBringsANewCertificate) {
  WireServer server(options());
  EXPECT_EQ(curl(url(server, "/health")), R"({"status":"healthy"})");
  make_certificate("second");
  {
    const auto take_over = server.server().prepare_reload(options());
    ASSERT_TRUE(take_over) << take_over.error().message();
    (*take_over)();
  }
  EXPECT_EQ(curl(url(server, "/health")), R"({"status":"healthy"})");
  HttpOptions broken = options();
  broken.tls.key_file = directory_ + "/nowhere.pem";
  EXPECT_FALSE(server.server().prepare_reload(broken));
  EXPECT_EQ(curl(url(server, "/health")), R"({"status":"healthy"})");
}

}  // namespace
}  // namespace kvfs::http
