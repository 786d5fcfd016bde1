#include "respbridge/worker.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "respbridge/address.h"

namespace kvfs::resp {

namespace {

constexpr size_t kHandlersAtOnceMax = 256;
constexpr size_t kGatheredBytesMax = 16 * 1024;         // larger write sets leave the caches
constexpr std::chrono::milliseconds kAfterFailure{10};  // memory that there was not may be there then

}  // namespace

Worker::Worker(Service& service) : service_(service), work_(io_.get_executor()), timer_(io_) {}

void Worker::run() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kvfs-resp");
    while (!loop()) std::this_thread::sleep_for(kAfterFailure);
  });
}

bool Worker::loop() {
  try {
    if (!ticking_.under_way()) tick();
    for (const auto& keep_up : kept_up_) keep_up();
    if (unsynced_.size() != 0) unsynced_.ask(service_.store());
    serve();
    return true;
  } catch (const std::exception& e) {
    spdlog::error("resp: {}", e.what());
    return false;
  }
}

// Sockets that are ready at once are read before what they wrote is committed, all of it together: what Redis does with
// its append-only file.
void Worker::serve() {
  while (io_.run_one() != 0) {
    for (size_t handlers = 1; handlers < kHandlersAtOnceMax && gathered_bytes_ < kGatheredBytesMax; ++handlers)
      if (io_.poll_one() == 0) break;
    if (!gathered_.empty()) {
      gathered_bytes_ = 0;
      Session::run_together(service_, std::exchange(gathered_, {}));
    }
    if (unsynced_.size() != 0) unsynced_.ask(service_.store());
  }
}

void Worker::gather(const std::shared_ptr<Session>& session, size_t bytes) {
  gathered_.push_back(session);
  gathered_bytes_ += bytes;
}

void Worker::run_job(const std::shared_ptr<Session>& session, std::function<Result<void>()> job) {
  service_.run_in_background(std::move(job), [mailbox = jobs_done_, weak = std::weak_ptr(session)](auto& done) {
    mailbox->post([weak, done] {
      if (const auto still_there = weak.lock()) still_there->job_done(done);
    });
  });
}

void Worker::tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this, token = ticking_.begin()](const error_code& error) mutable {
    if (error || stopping_) return;
    token.end();
    const bool first = service_.throughput().sample(service_.statistics(), std::chrono::steady_clock::now());
    if (const uint64_t bytes_max = service_.config().clients_bytes_max(); first && bytes_max != 0)
      service_.statistics().evicted_clients.fetch_add(service_.clients().evict(bytes_max), std::memory_order_relaxed);
    const std::set<std::shared_ptr<Session>> sessions = sessions_;  // some remove themselves
    for (const auto& session : sessions) session->check_deadlines(service_.store().now_ms());
    tick();
  });
}

void Worker::adopt(Socket socket, std::shared_ptr<asio::ssl::context> tls) {
  asio::post(io_, [this, socket = std::move(socket), tls = std::move(tls)]() mutable {
    if (stopping_) return;
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);  // fails on Unix sockets, which need it not
    if (service_.options().tcp_keepalive_s != 0) socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const bool local = is_local_peer(socket);
    if (tls) tls_ = tls;
    const auto session = std::make_shared<Session>(service_, *this, std::move(socket), tls.get(), local);
    sessions_.insert(session);
    session->start();
  });
}

void Worker::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    timer_.cancel();
    const std::set<std::shared_ptr<Session>> sessions = std::exchange(sessions_, {});
    for (const auto& session : sessions) session->close();
    work_.reset();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace kvfs::resp
