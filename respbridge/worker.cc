#include "respbridge/worker.h"

#include <pthread.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "net/socket_address.h"

namespace kvfs::resp {

namespace {

constexpr size_t kGatheredBytesMax = 16 * 1024;  // larger write sets leave the caches
constexpr uint64_t kTicksEach = 4;               // of the loop, about one second

}  // namespace

Worker::Worker(Service& service) : service_(service) {
  loop_.each_tick([this] { tick(); });
}

void Worker::run() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kvfs-resp");
    loop_.run();
  });
}

// Sockets that are ready at once are read before what they wrote is committed, all of it together: what Redis does with
// its append-only file.
void Worker::gather(const std::shared_ptr<Session>& session, size_t bytes) {
  gathered_.push_back(session);
  gathered_bytes_ += bytes;
  if (gathered_bytes_ >= kGatheredBytesMax) run_gathered();
}

void Worker::run_gathered() {
  gathered_bytes_ = 0;
  Session::run_together(service_, std::exchange(gathered_, {}));
}

bool Worker::defer_send(Session& session) {
  if (sending_) return false;
  deferred_.push_back(&session);
  return true;
}

// All replies one after another: clients find more of them at once, and each of them wakes up less often.
void Worker::send_deferred() {
  sending_ = true;
  for (Session* const session : deferred_) session->send_deferred();
  deferred_.clear();
  sending_ = false;
}

void Worker::settle() {
  if (!gathered_.empty()) run_gathered();
  send_deferred();
  gone_.clear();
  if (unsynced_.size() != 0) unsynced_.ask(service_.store());
}

void Worker::closed(const std::shared_ptr<Session>& session) { gone_.insert(sessions_.extract(session)); }

void Worker::run_job(const std::shared_ptr<Session>& session, std::function<Result<void>()> job) {
  service_.run_in_background(std::move(job), [mailbox = jobs_done_, weak = std::weak_ptr(session)](auto& done) {
    mailbox->post([weak, done] {
      if (const auto still_there = weak.lock()) still_there->job_done(done);
    });
  });
}

void Worker::tick() {
  if (++ticks_ % kTicksEach != 0) return;
  const bool first = service_.throughput().sample(service_.statistics(), std::chrono::steady_clock::now());
  if (const uint64_t bytes_max = service_.config().clients_bytes_max(); first && bytes_max != 0)
    service_.statistics().evicted_clients.fetch_add(service_.clients().evict(bytes_max), std::memory_order_relaxed);
  const std::set<std::shared_ptr<Session>> sessions = sessions_;  // some remove themselves
  for (const auto& session : sessions) session->check_deadlines(service_.store().now_ms());
}

void Worker::adopt(Descriptor connection, TlsContext tls) {
  loop_.post([this, held = std::make_shared<Descriptor>(std::move(connection)), tls = std::move(tls)] {
    if (!stopping_) begin(std::move(*held), tls);
  });
}

void Worker::begin(Descriptor connection, const TlsContext& tls) {
  const int on = service_.options().tcp_keepalive_s != 0;
  ::setsockopt(connection.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const bool local = is_local(remote_address(connection.get()));
  const auto session = std::make_shared<Session>(service_, *this, Transport(std::move(connection), tls.get()), local);
  sessions_.insert(session);
  session->start();
}

void Worker::stop() {
  loop_.post([this] {
    stopping_ = true;
    const std::set<std::shared_ptr<Session>> sessions = sessions_;
    for (const auto& session : sessions) session->close();
    loop_.stop();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace kvfs::resp
