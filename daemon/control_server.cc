#include "daemon/control_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <deque>
#include <system_error>
#include <thread>
#include <vector>

#include "daemon/control_address.h"

namespace kvfs {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Local = asio::local::stream_protocol;

constexpr std::chrono::milliseconds kProgressInterval{100};
constexpr std::chrono::milliseconds kAfterFailure{10};
constexpr std::chrono::seconds kRequestTimeout{10};  // for the line to come

std::string error_line(const Error& error) {
  return json::serialize(json::object{{"error", to_string(error.code)}, {"message", error.message()}}) + "\n";
}

std::string progress_line(const Progress& at) {
  return json::serialize(json::object{
             {"progress", {{"step", at.step}, {"done", at.done}, {"total", at.total}, {"bytes", at.bytes}}}}) +
         "\n";
}

/// Errors: invalid, not_found (no such tenant).
Result<ControlCommand> parse_request(const Store& store, std::string_view line) {
  boost::system::error_code failed;
  const json::value request = json::parse(line, failed);
  const json::object* fields = failed ? nullptr : request.if_object();
  const json::value* words = fields != nullptr ? fields->if_contains("command") : nullptr;
  if (words == nullptr || !words->is_array())
    return {Errc::invalid, "a request is a line such as {\"command\":[\"stats\"]}"};
  ControlCommand command;
  for (const json::value& word : words->get_array()) {
    if (!word.is_string()) return {Errc::invalid, "the words of a command are strings"};
    command.words.emplace_back(word.get_string());
  }
  if (const json::value* tenant = fields->if_contains("tenant")) {
    if (!tenant->is_string()) return {Errc::invalid, "the tenant is a name"};
    const Result<DirId> found = store.find_tenant(std::string_view(tenant->get_string()));
    if (!found) return {found.error().code, fmt::format("there is no tenant {}", tenant->get_string().c_str())};
    command.tenant = *found;
  }
  return command;
}

}  // namespace

/// What the connections share.
class ControlServer::Listener {
 public:
  Listener(Store& store, const Control& control) : store_(store), control_(control), acceptor_(io_) {}
  ~Listener() { end_commands(); }

  Result<void> listen(const std::string& store_path);
  /// With fewer threads for commands where the system gives no more. Throws where it gives none at all.
  void run() {
    for (unsigned started = 0; started < kControlCommandsAtOnceMax; ++started) {
      try {
        command_threads_.emplace_back([this] { commands_.run(); });
      } catch (const std::system_error&) {
        if (started == 0) throw;
        break;
      }
    }
    thread_ = std::thread([this] {
      while (!serve()) std::this_thread::sleep_for(kAfterFailure);
    });
  }
  void stop();

 private:
  class Connection;
  /// False: something was thrown (there is no memory), which ended a connection or the accepting. True: stopped.
  bool serve();
  void accept();
  /// Those that wait in the queue are still run.
  void end_commands() {
    commands_work_.reset();
    for (std::thread& each : command_threads_) each.join();
    command_threads_.clear();
  }

  Store& store_;
  const Control& control_;
  std::atomic<bool> stopping_{false};
  std::string socket_;  // its file
  std::atomic<size_t> connections_{0};
  asio::io_context io_{1};
  // There is work while a command runs elsewhere, too.
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  // No asio::thread_pool: where it gets some of its threads only, it waits for them forever.
  asio::io_context commands_;
  asio::executor_work_guard<asio::io_context::executor_type> commands_work_{commands_.get_executor()};
  std::vector<std::thread> command_threads_;
  Local::acceptor acceptor_;
  std::thread thread_;
};

/// One command: read, run on a thread of the pool, answered. All but the command itself happens on the listener's
/// thread.
class ControlServer::Listener::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Listener& listener, Local::socket socket)
      : listener_(listener), socket_(std::move(socket)), timer_(listener_.io_) {
    listener_.connections_ += 1;
  }
  ~Connection() { listener_.connections_ -= 1; }
  Connection(const Connection&) = delete;

  void start() {
    timer_.expires_after(kRequestTimeout);
    timer_.async_wait([self = weak_from_this()](boost::system::error_code stopped) {
      if (const auto connection = self.lock(); connection && !stopped) connection->socket_.close();
    });
    asio::async_read_until(socket_, asio::dynamic_buffer(line_, kControlLineBytesMax), '\n',
                           [self = shared_from_this()](boost::system::error_code failed, size_t bytes) {
                             self->timer_.cancel();
                             if (failed) return;
                             self->line_.resize(bytes);
                             self->run();
                           });
  }

  void send(std::string line) {
    lines_.push_back(std::move(line));
    if (lines_.size() == 1) write();
  }

 private:
  void run() {
    Result<ControlCommand> command = parse_request(listener_.store_, line_);
    if (!command) return send(error_line(command.error()));
    // The pool's task is not the last to let go of the connection, but where there is no memory to pass it on.
    asio::post(listener_.commands_, [self = shared_from_this(), order = std::move(*command)]() mutable {
      try {  // a thread of the pool ends the process by what it throws
        std::string answer = self->answer(std::move(order));
        Connection& connection = *self;
        asio::post(connection.listener_.io_,
                   [self = std::move(self), answer = std::move(answer)]() mutable { self->send(std::move(answer)); });
      } catch (const std::exception& e) {
        spdlog::error("control: {}", e.what());
      }
    });
  }

  /// On a thread of the pool.
  std::string answer(ControlCommand command) {
    std::chrono::steady_clock::time_point told{};
    command.cancelled = [this] { return gone_.load() || listener_.stopping_.load(); };
    command.progress = [this, &told](const Progress& at) {
      const auto now = std::chrono::steady_clock::now();
      if (now - told < kProgressInterval) return;
      told = now;
      asio::post(listener_.io_, [self = shared_from_this(), line = progress_line(at)] {
        if (self->lines_.size() < 2) self->send(line);  // who does not read is not told
      });
    };
    spdlog::info("control: {}", fmt::join(command.words, " "));
    try {
      const Result<std::string> done = listener_.control_.run(command);
      return done ? json::serialize(json::object{{"answer", *done}}) + "\n" : error_line(done.error());
    } catch (const StoreException& damage) {
      return error_line(damage.error());
    } catch (const std::exception& error) {
      return error_line({Errc::io, error.what()});
    }
  }

  void write() {
    asio::async_write(socket_, asio::buffer(lines_.front()),
                      [self = shared_from_this()](boost::system::error_code failed, size_t) {
                        if (failed) self->gone_ = true;
                        self->lines_.pop_front();
                        if (!failed && !self->lines_.empty()) self->write();
                      });
  }

  Listener& listener_;
  Local::socket socket_;
  asio::steady_timer timer_;
  std::string line_;
  std::deque<std::string> lines_;  // to be sent
  std::atomic<bool> gone_{false};  // nobody reads the answer
};

Result<void> ControlServer::Listener::listen(const std::string& store_path) {
  const ControlAddress address(store_path);
  socket_ = store_path + "/" + kControlSocket;
  ::unlink(socket_.c_str());
  boost::system::error_code failed;
  acceptor_.open(Local(), failed);
  if (!failed) acceptor_.bind(Local::endpoint(address.path()), failed);
  // Before anybody can connect.
  if (!failed && ::chmod(socket_.c_str(), 0600) != 0) failed.assign(errno, boost::system::system_category());
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return {Errc::io, fmt::format("cannot listen on {}: {}", socket_, failed.message())};
  return {};
}

bool ControlServer::Listener::serve() {
  try {
    boost::system::error_code ignored;
    acceptor_.cancel(ignored);  // after a failure it may still be under way
    accept();
    io_.run();
    return true;
  } catch (const std::exception& e) {
    spdlog::error("control: {}", e.what());
    return false;
  }
}

void ControlServer::Listener::accept() {
  if (!acceptor_.is_open()) return;
  acceptor_.async_accept([this](boost::system::error_code failed, Local::socket socket) {
    if (failed == asio::error::operation_aborted || stopping_) return;
    if (failed) {
      // Out of descriptors, mostly: trying at once would only fail again.
      std::this_thread::sleep_for(kAfterFailure);
    } else {
      const bool room = connections_ < kControlConnectionsMax;
      const auto connection = std::make_shared<Connection>(*this, std::move(socket));
      if (room)
        connection->start();
      else
        connection->send(error_line(
            {Errc::limit_reached, fmt::format("{} commands are under way, the most at once", kControlConnectionsMax)}));
    }
    accept();
  });
}

void ControlServer::Listener::stop() {
  stopping_ = true;
  asio::post(io_, [this] { acceptor_.close(); });
  end_commands();  // they give up at once
  // Answers under way are sent; whoever does not read, or says nothing, is cut off.
  asio::post(io_, [this] {
    if (connections_ == 0) return io_.stop();
    auto timer = std::make_shared<asio::steady_timer>(io_, kProgressInterval);
    timer->async_wait([this, timer](boost::system::error_code) { io_.stop(); });
  });
  if (thread_.joinable()) thread_.join();
  ::unlink(socket_.c_str());
}

Result<std::unique_ptr<ControlServer>> ControlServer::start(Store& store, const Control& control,
                                                            const std::string& store_path) {
  auto listener = std::make_unique<Listener>(store, control);
  if (Result<void> ok = listener->listen(store_path); !ok) return ok.error();
  listener->run();
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(listener)));
}

ControlServer::ControlServer(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}

ControlServer::~ControlServer() { listener_->stop(); }

}  // namespace kvfs
