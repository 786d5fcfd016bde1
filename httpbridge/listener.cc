#include "httpbridge/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>

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
  if (unix_) ::unlink(address_.unix_path.c_str());
}

Result<void> Listener::bind_tcp() {
  auto resolved = resolve(address_);
  if (!resolved) return resolved.error();
  const bool everywhere = address_.host == "*";
  if (everywhere && !machine_has_ipv6()) *resolved = net::asio::ip::address_v4::any();
  loopback_ = resolved->is_loopback();
  net::Tcp::endpoint endpoint(*resolved, address_.port);
  if (address_.port != 0) {
    // Sockets that share a port would also share it with another server: a probe that does not share finds that one.
    net::Acceptor<net::Tcp> probe(workers_.front()->io());
    net::ErrorCode error = open_and_bind(probe, endpoint, everywhere, false);
    if (!error) probe.listen(1, error);
    if (error) return listen_error(address_, error);
  }
  for (Worker* worker : workers_) {
    auto door = std::make_unique<Door<net::Tcp>>(worker->io());
    net::ErrorCode error = open_and_bind(door->acceptor, endpoint, everywhere, true);
    if (!error) door->acceptor.listen(worker->options().backlog, error);
    if (!error) endpoint = door->acceptor.local_endpoint(error);
    if (error) return listen_error(address_, error);
    address_.port = endpoint.port();
    tcp_.push_back(std::move(door));
  }
  return {};
}

Result<void> Listener::bind_unix() {
  loopback_ = true;
  const std::string& path = address_.unix_path;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return {Errc::exists, "cannot listen on " + path + ": it exists and is not a socket"};
    net::asio::basic_stream_socket<net::Local, net::Executor> probe(workers_.front()->io());
    net::ErrorCode refused;
    probe.connect(net::Local::endpoint(path), refused);
    if (!refused) return listen_error(address_, net::asio::error::address_in_use);
    ::unlink(path.c_str());  // of a server that is no more
  }
  auto door = std::make_unique<Door<net::Local>>(workers_.front()->io());
  net::ErrorCode error;
  door->acceptor.open(net::Local(), error);
  if (!error) door->acceptor.bind(net::Local::endpoint(path), error);
  if (!error) door->acceptor.listen(workers_.front()->options().backlog, error);
  if (error) return listen_error(address_, error);
  unix_ = std::move(door);
  return {};
}

void Listener::start() {
  for (size_t i = 0; i < tcp_.size(); ++i) workers_[i]->keep_up([this, i] { accept_tcp(i); });
  if (unix_) workers_.front()->keep_up([this] { accept_unix(); });
}

void Listener::accept_tcp(size_t index) {
  Worker& worker = *workers_[index];
  Door<net::Tcp>& door = *tcp_[index];
  if (!door.acceptor.is_open() || door.accepting.under_way()) return;
  auto socket = std::make_unique<net::Socket>(worker.io());
  net::Socket& target = *socket;
  door.acceptor.async_accept(target, [this, index, &door, &worker, socket = std::move(socket),
                                      token = door.accepting.begin()](const net::ErrorCode& error) mutable {
    if (error == net::asio::error::operation_aborted) return;
    if (error) {
      return door.pause.begin(address_.text, error, [this, index, token = std::move(token)]() mutable {
        token.end();
        accept_tcp(index);
      });
    }
    net::ErrorCode ignored;
    net::Tcp::endpoint peer;
    auto remote = socket->remote_endpoint(ignored);
    if (!ignored && remote.size() <= peer.capacity()) {
      std::memcpy(peer.data(), remote.data(), remote.size());
      peer.resize(remote.size());
    }
    socket->set_option(net::Tcp::no_delay(true), ignored);
    auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
      address = net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, address.to_v6());
    try {
      on_accept_(worker, std::move(*socket), address_, address.to_string(), loopback_);
    } catch (const std::exception& e) {  // no memory for this one
      spdlog::error("http: a connection to {} was dropped: {}", address_.text, e.what());
    }
    token.end();
    accept_tcp(index);
  });
}

void Listener::accept_unix() {
  if (!unix_->acceptor.is_open() || unix_->accepting.under_way()) return;
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  auto socket = std::make_shared<net::Socket>(worker.io());
  auto taken = [this, &worker, socket, token = unix_->accepting.begin()](const net::ErrorCode& error) mutable {
    if (error == net::asio::error::operation_aborted) return;
    if (error) {
      return unix_->pause.begin(address_.text, error, [this, token = std::move(token)]() mutable {
        token.end();
        accept_unix();
      });
    }
    net::asio::post(worker.io(),
                    [this, &worker, socket] { on_accept_(worker, std::move(*socket), address_, "unix", true); });
    token.end();
    accept_unix();
  };
  unix_->acceptor.async_accept(*socket, std::move(taken));
}

void Listener::stop() {
  const auto close_on = [](Worker& worker, auto& door) {
    net::asio::post(worker.io(), [&door] {
      net::ErrorCode ignored;
      door.acceptor.close(ignored);
      door.pause.cancel();
    });
  };
  for (size_t i = 0; i < tcp_.size(); ++i) close_on(*workers_[i], *tcp_[i]);
  if (unix_) close_on(*workers_.front(), *unix_);
}

}  // namespace kvfs::http
