// An address to listen on: accepts, refuses what is too much, hands connections to the workers in turn.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/acceptor.h"
#include "net/listening_socket.h"
#include "net/tls.h"
#include "respbridge/worker.h"

namespace kvfs::resp {

/// Runs on the loop of the worker it was opened with.
class Listener {
 public:
  using NextWorker = std::function<Worker&()>;

  /// Errors: those of listen_on().
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop, Service& service, const ResolvedAddress& address,
                                                TlsContext tls, NextWorker next_worker);

  /// False: out of resources (errno). REQUIRES: once.
  bool start();
  void close();
  /// For connections from now on; no-op where the address is without TLS.
  void replace_tls(TlsContext tls) {
    if (tls_) tls_ = std::move(tls);
  }
  /// 0: a Unix socket.
  uint16_t port() const { return port_; }

 private:
  Listener(Service& service, TlsContext tls, NextWorker next_worker)
      : service_(service), tls_(std::move(tls)), next_worker_(std::move(next_worker)) {}
  void on_connection(Descriptor connection);

  Service& service_;
  TlsContext tls_;
  NextWorker next_worker_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;  // of each endpoint
  SocketPath path_;
  uint16_t port_ = 0;
};

}  // namespace kvfs::resp
