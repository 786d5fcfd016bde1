#include "httpbridge/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace kvfs::http {

namespace {

/// A worker is given no further connections for being near to them when it has twice as many as the one with fewest,
/// and so many more: clients of one thread are all near to the same one.
constexpr size_t kAhead = 16;

/// The CPU that brought the connection's last packet. Of a client on this machine it is the client's own; of others the
/// one that their network card chose. -1: unknown, as with Unix sockets.
int incoming_cpu(const Descriptor& connection) {
  int cpu = -1;
  socklen_t size = sizeof cpu;
  return ::getsockopt(connection.get(), SOL_SOCKET, SO_INCOMING_CPU, &cpu, &size) == 0 ? cpu : -1;
}

}  // namespace

size_t best_place(std::span<const Place> workers, int cpu) {
  size_t fewest = 0;
  std::optional<size_t> near;
  for (size_t i = 0; i < workers.size(); ++i) {
    if (workers[i].connections < workers[fewest].connections) fewest = i;
    if (workers[i].cpu == cpu) near = i;
  }
  const size_t many = 2 * workers[fewest].connections + kAhead;
  return near && workers[*near].connections < many ? *near : fewest;
}

Result<std::unique_ptr<Listener>> Listener::bind(ResolvedAddress address, std::vector<Worker*> workers,
                                                 OnAccept on_accept) {
  auto listening = listen_on(address, workers.front()->options().backlog, workers.size());
  if (!listening) return listening.error();
  address.port = listening->port;
  std::unique_ptr<Listener> listener(new Listener(std::move(address), std::move(workers), std::move(on_accept)));
  listener->path_ = std::move(listening->path);
  for (auto& sockets : listening->sockets)
    for (size_t i = 0; i < sockets.size(); ++i) {
      Worker& worker = *listener->workers_[i];
      listener->doors_.push_back(
          {worker, std::make_unique<Acceptor>(worker.loop(), std::move(sockets[i]), listener->address_.text,
                                              [self = listener.get(), &worker](Descriptor connection) {
                                                self->place(worker, std::move(connection));
                                              })});
    }
  return listener;
}

void Listener::start() {
  for (const Door& door : doors_)
    if (!door.acceptor->start()) throw std::system_error(errno, std::generic_category(), address_.text);
}

void Listener::place(Worker& by, Descriptor connection) {
  std::vector<Place> places;
  for (const Worker* const worker : workers_) places.push_back({worker->cpu(), worker->seats()});
  Worker& worker = *workers_[best_place(places, incoming_cpu(connection))];
  Worker::Seat seat(worker);
  if (&worker == &by) return on_accept_(std::move(seat), std::move(connection), *this);
  struct Placed {
    Worker::Seat seat;
    Descriptor connection;
  };
  worker.loop().post([this, placed = std::make_shared<Placed>(Placed{std::move(seat), std::move(connection)})] {
    on_accept_(std::move(placed->seat), std::move(placed->connection), *this);
  });
}

void Listener::stop() {
  for (const Door& door : doors_) door.worker.loop().post([acceptor = door.acceptor.get()] { acceptor->close(); });
}

}  // namespace kvfs::http
