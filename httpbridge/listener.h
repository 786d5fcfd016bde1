// Listening sockets: bound once, then accepted from by every worker's own socket (SO_REUSEPORT) or, for Unix sockets,
// by one worker that hands connections out in turn.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "httpbridge/worker.h"
#include "net/acceptor.h"
#include "net/listen_address.h"

namespace kvfs::http {

class Listener;

/// Takes a connection on `worker`'s thread.
using OnAccept = std::function<void(Worker& worker, Descriptor connection, const Listener& on)>;

class Listener {
 public:
  /// Binds the address for all workers. Errors: busy (in use), access_denied, invalid (no such address), io; each says
  /// what to do. REQUIRES: the workers have not started.
  static Result<std::unique_ptr<Listener>> bind(ListenAddress address, std::vector<Worker*> workers,
                                                OnAccept on_accept);
  ~Listener();

  /// Throws std::system_error where the system is out of resources. REQUIRES: the workers have not started.
  void start();
  /// Takes no more connections. Runs on any thread; done when the workers' loops have turned.
  void stop();

  uint16_t port() const { return address_.port; }
  const ListenAddress& address() const { return address_; }
  bool loopback() const { return loopback_; }

 private:
  Listener(ListenAddress address, std::vector<Worker*> workers, OnAccept on_accept)
      : address_(std::move(address)), workers_(std::move(workers)), on_accept_(std::move(on_accept)) {}
  Result<void> bind_tcp();
  Result<void> bind_unix();
  void hand_on(Descriptor connection);

  ListenAddress address_;
  const std::vector<Worker*> workers_;
  const OnAccept on_accept_;
  bool loopback_ = false;
  bool bound_ = false;                                // the Unix socket is this listener's
  std::vector<std::unique_ptr<Acceptor>> acceptors_;  // one for each worker, or the first one's for all
  size_t next_worker_ = 0;
};

}  // namespace kvfs::http
