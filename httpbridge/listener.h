// An address to listen on: each worker accepts from a socket of its own, and connections go where they are served best.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "httpbridge/worker.h"
#include "net/acceptor.h"
#include "net/listening_socket.h"

namespace kvfs::http {

class Listener;

/// Takes a connection on the thread of `seat`'s worker.
using OnAccept = std::function<void(Worker::Seat seat, Descriptor connection, const Listener& on)>;

/// A worker as one that connections are placed with.
struct Place {
  std::optional<int> cpu;  // where alone it runs
  size_t connections = 0;
};
/// Which of `workers` serves a connection whose packets arrive at `cpu` (-1: unknown): the one there, so that a request
/// wakes no other CPU and finds the caches warm; the one with fewest connections where that one has too many, or is
/// none. REQUIRES: there are some.
size_t best_place(std::span<const Place> workers, int cpu);

class Listener {
 public:
  /// Binds the address for all workers. Errors: those of listen_on(). REQUIRES: the workers have not started.
  static Result<std::unique_ptr<Listener>> bind(ResolvedAddress address, std::vector<Worker*> workers,
                                                OnAccept on_accept);

  /// Throws std::system_error where the system is out of resources. REQUIRES: the workers have not started.
  void start();
  /// Takes no more connections. Runs on any thread; done when the workers' loops have turned.
  void stop();

  uint16_t port() const { return address_.port; }
  const ResolvedAddress& address() const { return address_; }

 private:
  struct Door {
    Worker& worker;
    std::unique_ptr<Acceptor> acceptor;
  };

  Listener(ResolvedAddress address, std::vector<Worker*> workers, OnAccept on_accept)
      : address_(std::move(address)), workers_(std::move(workers)), on_accept_(std::move(on_accept)) {}
  void place(Worker& by, Descriptor connection);

  ResolvedAddress address_;  // with the port it has
  const std::vector<Worker*> workers_;
  const OnAccept on_accept_;
  SocketPath path_;
  std::vector<Door> doors_;  // those of a Unix socket: one, of the first worker
};

}  // namespace kvfs::http
