// A server on a loopback port and a client that sends exactly the bytes it is told to.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "httpbridge/server.h"
#include "store/store.h"

namespace kvfs::http {

class WireServer {
 public:
  static constexpr size_t kFeedCapacity = 3000;
  explicit WireServer(HttpOptions options = {}, std::string engine_path = {});
  WireServer(HttpOptions options, StoreOptions store_options);
  uint16_t port() const { return server_->ports().front(); }
  HttpServer& server() { return *server_; }
  Store& store() { return *store_; }

 private:
  std::unique_ptr<Store> store_;
  std::unique_ptr<HttpServer> server_;
};

/// One connection. Every wait ends after 10 seconds with a test failure.
class Wire {
 public:
  enum class Family { ipv4, ipv6 };
  explicit Wire(uint16_t port, Family family = Family::ipv4);
  /// A Unix socket.
  explicit Wire(const std::string& path);
  ~Wire();
  Wire(const Wire&) = delete;

  void send(std::string_view bytes);
  void end_sending();
  /// One answer: head and body by Content-Length or chunks (decoded). `no_body`: of a HEAD request.
  struct Reply {
    int status = 0;
    std::string head;
    std::string body;
    std::string field(std::string_view name) const;
  };
  Reply receive(bool no_body = false);
  /// Bytes up to and with `mark`.
  std::string receive_through(std::string_view mark);
  /// True if nothing has come so far.
  bool silent() const;
  /// True if the server closes without sending more.
  bool closed();

 private:
  bool more();
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace kvfs::http
