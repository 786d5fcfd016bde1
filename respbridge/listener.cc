#include "respbridge/listener.h"

#include <algorithm>
#include <utility>

#include "net/socket_address.h"
#include "net/transport.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kTooMany = "-ERR max number of clients reached\r\n";
constexpr std::string_view kDenied =
    "-DENIED kvfs is running in protected mode because no keys are configured. In this mode connections are only "
    "accepted from the same machine. Configure keys in kvfs.ini, or set 'anonymous = yes' in section [resp].\r\n";

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(EventLoop& loop, Service& service, const ResolvedAddress& address,
                                                 TlsContext tls, NextWorker next_worker) {
  Result<Listening> listening = listen_on(address, service.options().backlog, 1);
  if (!listening) return listening.error();
  std::unique_ptr<Listener> listener(new Listener(service, std::move(tls), std::move(next_worker)));
  listener->path_ = std::move(listening->path);
  listener->port_ = listening->port;
  for (auto& of_endpoint : listening->sockets)
    listener->acceptors_.push_back(std::make_unique<Acceptor>(
        loop, std::move(of_endpoint.front()), address.text,
        [self = listener.get()](Descriptor connection) { self->on_connection(std::move(connection)); }));
  return listener;
}

bool Listener::start() {
  return std::all_of(acceptors_.begin(), acceptors_.end(), [](const auto& acceptor) { return acceptor->start(); });
}

void Listener::close() {
  for (const auto& acceptor : acceptors_) acceptor->close();
  path_.remove();
}

void Listener::on_connection(Descriptor connection) {
  std::string_view refusal;
  if (service_.clients().count() >= service_.config().connections_max()) refusal = kTooMany;
  if (service_.keys()->empty() && !service_.keys()->anonymous(is_local(remote_address(connection.get()))))
    refusal = kDenied;
  if (refusal.empty()) return next_worker_().adopt(std::move(connection), tls_);
  service_.statistics().rejected_connections.fetch_add(1, std::memory_order_relaxed);
  if (!tls_) (void)Transport(std::move(connection), nullptr).write(refusal);
}

}  // namespace kvfs::resp
