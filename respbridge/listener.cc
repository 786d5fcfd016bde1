#include "respbridge/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace kvfs::resp {

namespace {

constexpr std::string_view kTooMany = "-ERR max number of clients reached\r\n";
constexpr std::string_view kDenied =
    "-DENIED kvfs is running in protected mode because no keys are configured. In this mode connections are only "
    "accepted from the same machine. Configure keys in kvfs.ini, or set 'anonymous = yes' in section [resp].\r\n";

/// Removes the socket of a server that is gone; leaves one that answers.
void remove_stale_socket(asio::io_context& io, const std::string& path) {
  asio::local::stream_protocol::socket probe(io);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& io, Service& service, const ListenAddress& address,
                                                 const asio::generic::stream_protocol::endpoint& endpoint,
                                                 std::shared_ptr<asio::ssl::context> tls, NextWorker next_worker) {
  std::unique_ptr<Listener> listener(new Listener(io, service, std::move(tls), std::move(next_worker)));
  Acceptor& acceptor = listener->acceptor_;
  error_code error;
  if (!address.unix_path.empty()) remove_stale_socket(io, address.unix_path);
  acceptor.open(endpoint.protocol(), error);
  if (error) return listen_error(address, error);
  if (address.unix_path.empty()) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (address.text.find("*:") != std::string::npos) acceptor.set_option(asio::ip::v6_only(false), error);
  acceptor.bind(endpoint, error);
  if (error) return listen_error(address, error);
  acceptor.listen(service.options().backlog, error);
  if (error) return listen_error(address, error);
  listener->address_ = address.text;
  listener->unix_path_ = address.unix_path;
  if (address.unix_path.empty()) {
    const auto bound = acceptor.local_endpoint();
    sockaddr_storage storage{};
    std::memcpy(&storage, bound.data(), bound.size());
    listener->port_ = ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                                                          : reinterpret_cast<sockaddr_in&>(storage).sin_port);
  }
  return listener;
}

Listener::~Listener() { close(); }

void Listener::close() {
  error_code ignored;
  pause_.cancel();
  if (!acceptor_.is_open()) return;
  acceptor_.close(ignored);
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

void Listener::accept() {
  if (!acceptor_.is_open() || accepting_.under_way()) return;
  Worker& worker = next_worker_();
  acceptor_.async_accept(worker.io(),
                         [this, &worker, token = accepting_.begin()](const error_code& error, Socket socket) mutable {
                           if (!acceptor_.is_open()) return;
                           if (error) {
                             return pause_.begin(address_, error, [this, token = std::move(token)]() mutable {
                               token.end();
                               accept();
                             });
                           }
                           on_accept(std::move(socket), worker);
                           token.end();
                           accept();
                         });
}

void Listener::on_accept(Socket socket, Worker& worker) {
  std::string_view refusal;
  if (service_.clients().count() >= service_.config().connections_max()) refusal = kTooMany;
  if (service_.keys()->empty() && !service_.keys()->anonymous(is_local_peer(socket))) refusal = kDenied;
  if (refusal.empty()) {
    worker.adopt(std::move(socket), tls_);
  } else {
    service_.statistics().rejected_connections.fetch_add(1, std::memory_order_relaxed);
    error_code ignored;
    socket.non_blocking(true, ignored);
    if (!tls_) socket.write_some(asio::buffer(refusal), ignored);
  }
}

}  // namespace kvfs::resp
