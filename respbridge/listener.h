// One listening socket: accepts, refuses what is too much, hands connections to the workers in turn.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "net/accept_pause.h"
#include "net/standing.h"
#include "respbridge/address.h"
#include "respbridge/net.h"
#include "respbridge/worker.h"

namespace kvfs::resp {

/// Runs on the io_context it was opened with.
class Listener {
 public:
  using NextWorker = std::function<Worker&()>;

  /// Errors: busy, access_denied, invalid, io; each says what to do.
  static Result<std::unique_ptr<Listener>> open(asio::io_context& io, Service& service, const ListenAddress& address,
                                                const asio::generic::stream_protocol::endpoint& endpoint,
                                                std::shared_ptr<asio::ssl::context> tls, NextWorker next_worker);
  /// REQUIRES: its io_context does not run any more.
  ~Listener();

  /// No-op where it does.
  void accept();
  void close();
  /// For connections from now on; no-op where the address is without TLS.
  void replace_tls(std::shared_ptr<asio::ssl::context> tls) {
    if (tls_) tls_ = std::move(tls);
  }
  uint16_t port() const { return port_; }

 private:
  Listener(asio::io_context& io, Service& service, std::shared_ptr<asio::ssl::context> tls, NextWorker next_worker)
      : service_(service), acceptor_(io), pause_(io), tls_(std::move(tls)), next_worker_(std::move(next_worker)) {}
  void on_accept(Socket socket, Worker& worker);

  Service& service_;
  Acceptor acceptor_;
  AcceptPause pause_;
  Standing accepting_;
  std::shared_ptr<asio::ssl::context> tls_;
  NextWorker next_worker_;
  std::string address_;  // as configured
  std::string unix_path_;
  uint16_t port_ = 0;
};

}  // namespace kvfs::resp
