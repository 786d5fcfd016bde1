#include "respbridge/listener.h"

#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <utility>

#include "net/transport.h"

namespace kvfs::resp {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using BoundSocket = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

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

Result<std::unique_ptr<Listener>> Listener::open(EventLoop& loop, Service& service, const ListenAddress& address,
                                                 const SocketAddress& endpoint, TlsContext tls,
                                                 NextWorker next_worker) {
  std::unique_ptr<Listener> listener(new Listener(service, std::move(tls), std::move(next_worker)));
  asio::io_context unused;  // of a socket that is bound here, and watched by the loop
  BoundSocket socket(unused);
  error_code error;
  if (!address.unix_path.empty()) remove_stale_socket(unused, address.unix_path);
  socket.open(endpoint.protocol(), error);
  if (error) return listen_error(address, error);
  if (address.unix_path.empty()) socket.set_option(asio::socket_base::reuse_address(true), error);
  if (address.text.find("*:") != std::string::npos) socket.set_option(asio::ip::v6_only(false), error);
  socket.bind(endpoint, error);
  if (error) return listen_error(address, error);
  listener->unix_path_ = address.unix_path;
  socket.listen(service.options().backlog, error);
  if (!error) socket.native_non_blocking(true, error);
  if (error) return listen_error(address, error);
  if (address.unix_path.empty()) listener->port_ = as_tcp(local_address(socket.native_handle())).port();
  listener->acceptor_ = std::make_unique<Acceptor>(
      loop, Descriptor(socket.release()), address.text,
      [self = listener.get()](Descriptor connection) { self->on_connection(std::move(connection)); });
  return listener;
}

Listener::~Listener() { close(); }

void Listener::close() {
  if (acceptor_) acceptor_->close();
  if (!unix_path_.empty()) ::unlink(std::exchange(unix_path_, {}).c_str());
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
