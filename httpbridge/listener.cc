#include "httpbridge/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kvfs::http {

namespace {

using ReusePort = net::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// The address of a host name, numeric or "localhost".
Result<net::asio::ip::address> resolve(const ListenAddress& address) {
  if (address.host == "*") return net::asio::ip::address(net::asio::ip::address_v6::any());
  if (address.host == "localhost") return net::asio::ip::address(net::asio::ip::address_v4::loopback());
  net::ErrorCode error;
  auto parsed = net::asio::ip::make_address(address.host, error);
  if (!error) return parsed;
  net::IoContext io;
  net::Tcp::resolver resolver(io);
  const auto found = resolver.resolve(address.host, "", error);
  if (error || found.empty())
    return {Errc::invalid, "cannot listen on " + address.text + ": no address for the name '" + address.host + "'"};
  return found.begin()->endpoint().address();
}

net::ErrorCode open_and_bind(net::Acceptor<net::Tcp>& acceptor, const net::Tcp::endpoint& endpoint, bool both_families,
                             bool share) {
  net::ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(net::asio::socket_base::reuse_address(true), error);
  if (share) acceptor.set_option(ReusePort(true), error);
  if (endpoint.protocol() == net::Tcp::v6()) acceptor.set_option(net::asio::ip::v6_only(!both_families), error);
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
  if (everywhere && !machine_has_ipv6()) *resolved = net::asio::ip::address_v4::any();
  loopback_ = resolved->is_loopback();
  net::Tcp::endpoint endpoint(*resolved, address_.port);
  net::IoContext unused;  // of sockets that are bound here, and watched by the workers' loops
  if (address_.port != 0) {
    // Sockets that share a port would also share it with another server: a probe that does not share finds that one.
    net::Acceptor<net::Tcp> probe(unused);
    net::ErrorCode error = open_and_bind(probe, endpoint, everywhere, false);
    if (!error) probe.listen(1, error);
    if (error) return listen_error(address_, error);
  }
  for (Worker* worker : workers_) {
    net::Acceptor<net::Tcp> acceptor(unused);
    net::ErrorCode error = open_and_bind(acceptor, endpoint, everywhere, true);
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
  net::IoContext unused;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return {Errc::exists, "cannot listen on " + path + ": it exists and is not a socket"};
    net::asio::basic_stream_socket<net::Local, net::Executor> probe(unused);
    net::ErrorCode refused;
    probe.connect(net::Local::endpoint(path), refused);
    if (!refused) return listen_error(address_, net::asio::error::address_in_use);
    ::unlink(path.c_str());  // of a server that is no more
  }
  net::Acceptor<net::Local> acceptor(unused);
  net::ErrorCode error;
  acceptor.open(net::Local(), error);
  if (!error) acceptor.bind(net::Local::endpoint(path), error);
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
  for (size_t i = 0; i < acceptors_.size(); ++i) {
    if (!acceptors_[i]->start()) throw std::system_error(errno, std::generic_category(), address_.text);
    workers_[i]->each_tick([acceptor = acceptors_[i].get()] { acceptor->retry(); });
  }
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
