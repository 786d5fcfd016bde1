#include "httpbridge/server.h"

#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "httpbridge/listener.h"
#include "httpbridge/metrics_text.h"
#include "httpbridge/session.h"
#include "httpbridge/worker.h"
#include "net/socket_address.h"
#include "net/tls.h"
#include "store/cpus.h"

namespace kvfs::http {

namespace {

/// Connections of each address, where they are limited.
class AddressCounter {
 public:
  explicit AddressCounter(size_t most) : most_(most) {}
  bool enter(const std::string& address) {
    if (most_ == 0) return true;
    const std::lock_guard lock(mutex_);
    size_t& count = counts_[address];
    if (count >= most_) return false;
    ++count;
    return true;
  }
  void leave(const std::string& address) {
    if (most_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(address);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, size_t> counts_;  // guarded by mutex_
};

/// One of them.
class AddressPlace {
 public:
  AddressPlace(AddressCounter& counter, std::string address) : counter_(counter), address_(std::move(address)) {}
  ~AddressPlace() {
    if (taken_) counter_.leave(address_);
  }
  AddressPlace(const AddressPlace&) = delete;
  bool take() { return taken_ = counter_.enter(address_); }

 private:
  AddressCounter& counter_;
  const std::string address_;
  bool taken_ = false;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(std::unique_ptr<Service> service, std::unique_ptr<AccessLog> log)
      : service_(std::move(service)),
        log_(std::move(log)),
        shared_{*service_, log_.get()},
        addresses_(service_->options().connections_per_address_max) {}
  ~Impl() { stop(); }

  Result<void> open(size_t threads);
  void accept(Worker::Seat seat, Descriptor connection, const Listener& on);
  Result<std::function<void()>> prepare_reload(const HttpOptions& options);
  void stop();

  const std::unique_ptr<Service> service_;
  const std::unique_ptr<AccessLog> log_;
  Shared shared_;
  AddressCounter addresses_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::mutex tls_mutex_;
  TlsContext tls_;  // guarded by tls_mutex_
  std::mutex stop_mutex_;
  bool stopped_ = false;  // guarded by stop_mutex_
};

Result<void> HttpServer::Impl::open(size_t threads) {
  const HttpOptions& options = service_->options();
  const std::vector<int> cpus = options.pin_threads ? usable_cpus() : std::vector<int>();
  std::vector<Worker*> workers;
  for (size_t i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(shared_, service_->shard(i),
                                                cpus.size() == threads ? std::optional(cpus[i]) : std::nullopt));
    workers.push_back(workers_.back().get());
  }
  for (const std::string& text : options.listen) {
    const auto parsed = ListenAddress::parse(text);
    if (!parsed) return parsed.error();
    if (parsed->tls && !tls_) {
      auto tls = make_tls_context(options.tls);
      if (!tls) return tls.error();
      tls_ = std::move(*tls);
      offer_http_1_1(*tls_);
    }
    auto address = resolve(*parsed);
    auto listener = !address ? Result<std::unique_ptr<Listener>>(address.error())
                             : Listener::bind(std::move(*address), workers,
                                              [this](Worker::Seat seat, Descriptor connection, const Listener& on) {
                                                accept(std::move(seat), std::move(connection), on);
                                              });
    if (!listener && parsed->optional && listener.error().code == Errc::not_found) continue;
    if (!listener) return listener.error();
    if (!(*listener)->address().local && options.keys.empty() && !options.anonymous)
      return {
          Errc::invalid,
          "refusing to listen on " + text +
              " without API keys: anybody who reaches it could read and write everything. Configure keys, listen on "
              "127.0.0.1, or say anonymous = yes if that is meant"};
    listeners_.push_back(std::move(*listener));
  }
  std::signal(SIGPIPE, SIG_IGN);  // TLS writes by itself, without MSG_NOSIGNAL
  for (const auto& listener : listeners_) listener->start();
  for (const auto& worker : workers_) worker->start();
  return {};
}

void HttpServer::Impl::accept(Worker::Seat seat, Descriptor connection, const Listener& on) {
  Worker& worker = seat.worker();
  std::string peer = host_text(remote_address(connection.get()));
  // Given back when the session is gone, wherever that happens.
  const auto place = std::make_shared<AddressPlace>(addresses_, peer);
  if (!seat.admitted() || !place->take()) {
    worker.context().metrics.connections_refused.add();
    static constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nServer: kvfs\r\nContent-Type: application/json\r\nContent-Length: 32\r\n"
        "Retry-After: 1\r\nConnection: close\r\n\r\n{\"error\":\"too many connections\"}";
    if (!on.address().tls) (void)Transport(std::move(connection), nullptr).write(kFull);
    return;
  }
  TlsContext tls;
  if (on.address().tls) {
    const std::lock_guard lock(tls_mutex_);
    tls = tls_;
  }
  const auto session = std::make_shared<Session>(std::move(seat), Transport(std::move(connection), tls.get()),
                                                 std::move(peer), on.address().local);
  session->place = place;
  session->start();
}

Result<std::function<void()>> HttpServer::Impl::prepare_reload(const HttpOptions& options) {
  TlsContext tls;
  if (tls_) {
    auto made = make_tls_context(options.tls);
    if (!made) return made.error();
    tls = std::move(*made);
    offer_http_1_1(*tls);
  }
  for (const auto& listener : listeners_)
    if (!listener->address().local && options.keys.empty() && !service_->options().anonymous)
      return Error{Errc::invalid, "the last API key cannot be removed while listening on " + listener->address().text};
  auto policy = service_->prepare_reload(options);
  if (!policy) return policy.error();
  return std::function<void()>([this, tls = std::move(tls), policy = std::move(*policy)] {
    policy();
    if (log_) log_->reopen();
    const std::lock_guard lock(tls_mutex_);
    if (tls) tls_ = tls;
  });
}

void HttpServer::Impl::stop() {
  const std::lock_guard lock(stop_mutex_);
  if (stopped_) return;
  stopped_ = true;
  const HttpOptions& options = service_->options();
  service_->set_draining();
  if (options.ready_grace_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(options.ready_grace_ms));
  for (const auto& listener : listeners_) listener->stop();
  for (const auto& worker : workers_) worker->loop().post([worker = worker.get()] { worker->drain(); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options.drain_timeout_ms);
  while (shared_.connections.load() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  listeners_.clear();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(Store& store, HttpOptions options) {
  const size_t threads = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  std::unique_ptr<AccessLog> log;
  if (!options.access_log.empty()) {
    auto opened = AccessLog::open(options.access_log);
    if (!opened) return Error{Errc::invalid, "http.access_log: " + opened.error().message()};
    log = std::move(*opened);
  }
  auto service = Service::make(store, std::move(options), threads);
  if (!service) return service.error();
  auto impl = std::make_unique<Impl>(std::move(*service), std::move(log));
  if (auto r = impl->open(threads); !r) return r.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::vector<uint16_t> HttpServer::ports() const {
  std::vector<uint16_t> ports;
  for (const auto& listener : impl_->listeners_) ports.push_back(listener->port());
  return ports;
}

std::vector<std::string> HttpServer::urls() const {
  std::vector<std::string> urls;
  for (const auto& listener : impl_->listeners_) {
    const ListenAddress& address = listener->address();
    if (!address.unix_path.empty()) {
      urls.push_back("unix:" + address.unix_path);
      continue;
    }
    const std::string host = address.host == "*" ? "127.0.0.1" : address.host;
    urls.push_back((address.tls ? "https://" : "http://") +
                   (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
                   std::to_string(address.port));
  }
  return urls;
}

Result<std::function<void()>> HttpServer::prepare_reload(const HttpOptions& options) {
  return impl_->prepare_reload(options);
}
std::string HttpServer::metrics_text() const { return prometheus_text(*impl_->service_); }

void HttpServer::stop() { impl_->stop(); }

}  // namespace kvfs::http
