#include "respbridge/server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "respbridge/listener.h"
#include "respbridge/notifier.h"
#include "respbridge/service.h"
#include "respbridge/worker.h"

namespace kvfs::resp {

class RespServer::Impl {
 public:
  Impl(Store& store, std::unique_ptr<Service> service) : service_(std::move(service)), notifier_(store, *service_) {}
  ~Impl() { stop(); }

  Result<void> listen();
  void run();
  void stop();
  Result<std::function<void()>> prepare_reload(const RespOptions& options);

  std::vector<uint16_t> ports() const { return ports_; }
  std::vector<std::string> urls() const { return urls_; }

 private:
  std::unique_ptr<Service> service_;
  Notifier notifier_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // on the first worker's thread once it runs
  bool has_tls_ = false;                              // constant once it listens
  size_t next_worker_ = 0;                            // the first worker's thread only
  std::vector<uint16_t> ports_;
  std::vector<std::string> urls_;
  std::mutex life_mutex_;  // of stop() and a reload
};

Result<std::function<void()>> RespServer::Impl::prepare_reload(const RespOptions& options) {
  TlsContext tls;
  if (has_tls_) {
    Result<TlsContext> made = make_tls_context(options.tls);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  auto keys = service_->prepare_reload(options);
  if (!keys) return keys.error();
  return std::function<void()>([this, tls = std::move(tls), keys = std::move(*keys)] {
    keys();
    const std::lock_guard lock(life_mutex_);
    if (!tls || workers_.empty()) return;
    workers_[0]->loop().post([this, tls] {
      for (const auto& listener : listeners_) listener->replace_tls(tls);
    });
  });
}

Result<void> RespServer::Impl::listen() {
  const RespOptions& options = service_->options();
  const size_t threads = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency() / 2);
  for (size_t i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>(*service_));
  TlsContext tls_of_all;
  const auto next = [this]() -> Worker& { return *workers_[next_worker_++ % workers_.size()]; };
  for (const std::string& text : options.listen) {
    const Result<ListenAddress> parsed = ListenAddress::parse(text);
    if (!parsed) return parsed.error();
    const Result<ResolvedAddress> address = resolve(*parsed);
    if (!address && parsed->optional) continue;
    if (!address) return address.error();
    if (!address->local && service_->keys()->empty() && !options.anonymous)
      return {Errc::invalid, "refusing to listen on " + text +
                                 " for other machines without keys: configure keys, listen on a loopback address, or "
                                 "say 'anonymous = yes' in section [resp]"};
    TlsContext tls;
    if (address->tls) {
      if (!has_tls_) {
        Result<TlsContext> made = make_tls_context(options.tls);
        if (!made) return made.error();
        tls_of_all = std::move(*made);
        has_tls_ = true;
      }
      tls = tls_of_all;
    }
    Result<std::unique_ptr<Listener>> listener = Listener::open(workers_[0]->loop(), *service_, *address, tls, next);
    if (!listener && address->optional && listener.error().code == Errc::not_found) continue;
    if (!listener) return listener.error();
    if (!(*listener)->start()) return {Errc::io, text + ": " + std::strerror(errno)};
    const uint16_t port = (*listener)->port();
    listeners_.push_back(std::move(*listener));
    ports_.push_back(port);
    const std::string scheme = address->unix_path.empty() ? (address->tls ? "rediss://" : "redis://") : "unix://";
    const std::string plain = address->tls ? address->text.substr(4) : address->text;
    urls_.push_back(scheme + (address->unix_path.empty() ? plain.substr(0, plain.rfind(':') + 1) + std::to_string(port)
                                                         : address->unix_path));
  }
  return {};
}

void RespServer::Impl::run() {
  for (const auto& worker : workers_) worker->run();
  notifier_.start();
}

void RespServer::Impl::stop() {
  const std::lock_guard lock(life_mutex_);
  notifier_.stop();
  if (workers_.empty()) return;
  std::promise<void> closed;
  workers_[0]->loop().post([&] {
    for (const auto& listener : listeners_) listener->close();
    closed.set_value();
  });
  if (workers_[0]->runs()) closed.get_future().wait();
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  listeners_.clear();
  workers_.clear();
}

RespServer::RespServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RespServer::~RespServer() = default;

Result<std::unique_ptr<RespServer>> RespServer::start(Store& store, RespOptions options, Hooks hooks) {
  Result<std::unique_ptr<Service>> service = Service::make(store, std::move(options), std::move(hooks));
  if (!service) return service.error();
  auto impl = std::make_unique<Impl>(store, std::move(*service));
  if (Result<void> ok = impl->listen(); !ok) return ok.error();
  impl->run();
  return std::unique_ptr<RespServer>(new RespServer(std::move(impl)));
}

std::vector<uint16_t> RespServer::ports() const { return impl_->ports(); }
std::vector<std::string> RespServer::urls() const { return impl_->urls(); }
Result<std::function<void()>> RespServer::prepare_reload(const RespOptions& options) {
  return impl_->prepare_reload(options);
}
void RespServer::stop() { impl_->stop(); }

}  // namespace kvfs::resp
