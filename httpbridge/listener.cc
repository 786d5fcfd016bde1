#include "httpbridge/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <system_error>

namespace kvfs::http {

namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;
template <class Protocol>
using BoundSocket = asio::basic_socket_acceptor<Protocol, Executor>;

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// The address of a host name, numeric or "localhost".
Result<asio::ip::address> resolve(const ListenAddress& address) {
  if (address.host == "*") return asio::ip::address(asio::ip::address_v6::any());
  if (address.host == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  ErrorCode error;
  auto parsed = asio::ip::make_address(address.host, error);
  if (!error) return parsed;
  asio::io_context io;
  Tcp::resolver resolver(io);
  const auto found = resolver.resolve(address.host, "", error);
  if (error || found.empty())
    return {Errc::invalid, "cannot listen on " + address.text + ": no address for the name '" + address.host + "'"};
  return found.begin()->endpoint().address();
}

ErrorCode open_and_bind(BoundSocket<Tcp>& acceptor, const Tcp::endpoint& endpoint, bool both_families, bool share) {
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (share) acceptor.set_option(ReusePort(true), error);
  if (endpoint.protocol() == Tcp::v6()) acceptor.set_option(asio::ip::v6_only(!both_families), error);
  acceptor.bind(endpoint, error);
  return error;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::bind(ListenAddress address, std::vector<Worker*> workers,
                                                 OnAccept on_accept) {
  std::unique_ptr<Listener> listener(new Listener(std::move(address), std::move(workers), std::move(on_accept)));
  const auto bound = listener->address_.unix_path.empty() ? listener->bind_tcp() : listener->bind_unix();
  if (!bound) return bound.error();
  return listener;
}

Listener::~Listener() {
  if (bound_) ::unlink(address_.unix_path.c_str());
}

Result<void> Listener::bind_tcp() {
  auto resolved = resolve(address_);
  if (!resolved) return resolved.error();
  const bool everywhere = address_.host == "*";
  if (everywhere && !machine_has_ipv6()) *resolved = asio::ip::address_v4::any();
  loopback_ = resolved->is_loopback();
  Tcp::endpoint endpoint(*resolved, address_.port);
  asio::io_context unused;  // of sockets that are bound here, and watched by the workers' loops
  if (address_.port != 0) {
    // Sockets that share a port would also share it with another server: a probe that does not share finds that one.
    BoundSocket<Tcp> probe(unused);
    ErrorCode error = open_and_bind(probe, endpoint, everywhere, false);
    if (!error) probe.listen(1, error);
    if (error) return listen_error(address_, error);
  }
  for (Worker* worker : workers_) {
    BoundSocket<Tcp> acceptor(unused);
    ErrorCode error = open_and_bind(acceptor, endpoint, everywhere, true);
    if (!error) acceptor.listen(worker->options().backlog, error);
    if (!error) endpoint = acceptor.local_endpoint(error);
    if (!error) acceptor.native_non_blocking(true, error);
    if (error) return listen_error(address_, error);
    address_.port = endpoint.port();
    acceptors_.push_back(std::make_unique<Acceptor>(
        worker->loop(), Descriptor(acceptor.release()), address_.text,
        [this, worker](Descriptor connection) { on_accept_(*worker, std::move(connection), *this); }));
  }
  return {};
}

Result<void> Listener::bind_unix() {
  loopback_ = true;
  const std::string& path = address_.unix_path;
  asio::io_context unused;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return {Errc::exists, "cannot listen on " + path + ": it exists and is not a socket"};
    asio::basic_stream_socket<Local, Executor> probe(unused);
    ErrorCode refused;
    probe.connect(Local::endpoint(path), refused);
    if (!refused) return listen_error(address_, asio::error::address_in_use);
    ::unlink(path.c_str());  // of a server that is no more
  }
  BoundSocket<Local> acceptor(unused);
  ErrorCode error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  if (!error) acceptor.listen(workers_.front()->options().backlog, error);
  if (!error) acceptor.native_non_blocking(true, error);
  if (error) return listen_error(address_, error);
  bound_ = true;
  acceptors_.push_back(std::make_unique<Acceptor>(workers_.front()->loop(), Descriptor(acceptor.release()),
                                                  address_.text,
                                                  [this](Descriptor connection) { hand_on(std::move(connection)); }));
  return {};
}

void Listener::start() {
  for (const auto& acceptor : acceptors_)
    if (!acceptor->start()) throw std::system_error(errno, std::generic_category(), address_.text);
}

void Listener::hand_on(Descriptor connection) {
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  worker.loop().post([this, &worker, held = std::make_shared<Descriptor>(std::move(connection))] {
    on_accept_(worker, std::move(*held), *this);
  });
}

void Listener::stop() {
  for (size_t i = 0; i < acceptors_.size(); ++i)
    workers_[i]->loop().post([acceptor = acceptors_[i].get()] { acceptor->close(); });
}

}  // namespace kvfs::http
