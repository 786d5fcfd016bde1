// Listening sockets: bound once, then accepted from by every worker's own socket (SO_REUSEPORT) or, for Unix sockets,
// by one worker that hands connections out in turn.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "httpbridge/net.h"
#include "httpbridge/worker.h"
#include "net/accept_pause.h"
#include "net/listen_address.h"
#include "net/standing.h"

namespace kvfs::http {

/// Takes a connection on `worker`'s thread.
using OnAccept = std::function<void(Worker& worker, net::Socket socket, const ListenAddress& address, std::string peer,
                                    bool loopback)>;

class Listener {
 public:
  /// Binds the address for all workers. Errors: busy (in use), access_denied, invalid (no such address), io; each says
  /// what to do. REQUIRES: the workers have not started.
  static Result<std::unique_ptr<Listener>> bind(ListenAddress address, std::vector<Worker*> workers,
                                                OnAccept on_accept);
  ~Listener();

  void start();
  /// Takes no more connections. Runs on any thread; done when the workers' loops have turned.
  void stop();

  uint16_t port() const { return address_.port; }
  const ListenAddress& address() const { return address_; }
  bool loopback() const { return loopback_; }

 private:
  template <class Protocol>
  struct Door {
    explicit Door(net::IoContext& io) : acceptor(io), pause(io) {}
    net::Acceptor<Protocol> acceptor;
    AcceptPause pause;
    Standing accepting;
  };

  Listener(ListenAddress address, std::vector<Worker*> workers, OnAccept on_accept)
      : address_(std::move(address)), workers_(std::move(workers)), on_accept_(std::move(on_accept)) {}
  Result<void> bind_tcp();
  Result<void> bind_unix();
  void accept_tcp(size_t index);
  void accept_unix();

  ListenAddress address_;
  const std::vector<Worker*> workers_;
  const OnAccept on_accept_;
  bool loopback_ = false;
  std::vector<std::unique_ptr<Door<net::Tcp>>> tcp_;  // one for each worker
  std::unique_ptr<Door<net::Local>> unix_;
  size_t next_worker_ = 0;
};

}  // namespace kvfs::http
