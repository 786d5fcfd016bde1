// One listening socket: accepts, refuses what is too much, hands connections to the workers in turn.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/acceptor.h"
#include "net/tls.h"
#include "respbridge/address.h"
#include "respbridge/worker.h"

namespace kvfs::resp {

/// Runs on the loop of the worker it was opened with.
class Listener {
 public:
  using NextWorker = std::function<Worker&()>;

  /// Errors: busy, access_denied, invalid, io; each says what to do.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop, Service& service, const ListenAddress& address,
                                                const SocketAddress& endpoint, TlsContext tls, NextWorker next_worker);
  /// REQUIRES: its loop does not run any more.
  ~Listener();

  /// False: out of resources (errno). REQUIRES: once.
  bool start() { return acceptor_->start(); }
  void close();
  /// For connections from now on; no-op where the address is without TLS.
  void replace_tls(TlsContext tls) {
    if (tls_) tls_ = std::move(tls);
  }
  uint16_t port() const { return port_; }

 private:
  Listener(Service& service, TlsContext tls, NextWorker next_worker)
      : service_(service), tls_(std::move(tls)), next_worker_(std::move(next_worker)) {}
  void on_connection(Descriptor connection);

  Service& service_;
  TlsContext tls_;
  NextWorker next_worker_;
  std::unique_ptr<Acceptor> acceptor_;
  std::string unix_path_;  // empty: none, or removed
  uint16_t port_ = 0;
};

}  // namespace kvfs::resp
