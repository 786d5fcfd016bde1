#include "respbridge/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "respbridge/address.h"
#include "respbridge/commands.h"
#include "respbridge/errors.h"

namespace kvfs::resp {

namespace {

constexpr size_t kReadBytesMin = 16 * 1024;
constexpr size_t kReadBytesMax = 1024 * 1024;
constexpr size_t kDeferredBytesMax = 16 * 1024;  // larger replies leave the caches before they are sent
constexpr uint64_t kDrainMs = 2000;

ParserLimits limits_of(const RespOptions& options) {
  return {options.arguments_max, options.bulk_bytes_max, options.inline_bytes_max};
}

}  // namespace

Session::Session(Service& service, SessionOwner& owner, Transport transport, bool loopback)
    : service_(service),
      owner_(owner),
      transport_(std::move(transport)),
      executor_(service),
      parser_(limits_of(service.options())) {
  set_up_card(loopback);
}

void Session::set_up_card(bool loopback) {
  ClientCard& card = *client_.card;
  card.id = service_.clients().next_id();
  card.fd = transport_.fd();
  card.created_ms = active_ms_ = service_.store().now_ms();
  card.active_ms.store(active_ms_);
  card.address = peer_text(transport_.fd());
  peer_address_ = card.address.substr(0, card.address.rfind(':'));
  card.local_address = own_text(transport_.fd());
  service_.admit(client_, loopback);
  parser_.restrict(!client_.authenticated);
}

void Session::start() {
  guarded([this] { begin(); });
}

void Session::begin() {
  client_.outbox = shared_from_this();
  client_.card->kill = [weak = weak_from_this(), &loop = owner_.loop()] {
    loop.post([weak] {
      if (const auto session = std::static_pointer_cast<Session>(weak.lock())) session->close();
    });
  };
  client_.card->resume = [weak = weak_from_this(), &loop = owner_.loop()] {
    loop.post([weak] {
      if (const auto session = std::static_pointer_cast<Session>(weak.lock())) session->resume();
    });
  };
  client_.card->outbox = client_.outbox;
  service_.clients().add(client_.card);
  read();
  if (!owner_.loop().add(transport_.fd(), *this)) close();
}

void Session::on_ready(EventLoop::Event event) {
  if (closed_) return;
  readable_ |= event.readable;
  hung_up_ |= event.hung_up;
  guarded([this] {
    if (writing_) write_rest();
    if (!closed_ && reading_ && readable_) receive();
  });
}

/// What an event of the connection throws (there is no memory) ends that connection alone: in which state it is, nobody
/// knows.
template <class Body>
void Session::guarded(Body&& body) {
  try {
    body();
  } catch (const std::exception& e) {
    spdlog::error("resp: a connection from {} failed: {}", peer_address_, e.what());
    close();
  }
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  try {
    leave();
  } catch (const std::exception& e) {  // of the subscriptions, which need memory to be found; the rest does not
    spdlog::error("resp: {}", e.what());
  }
  end_hold();
  if (paused_) service_.statistics().throttled_clients.fetch_sub(1, std::memory_order_relaxed);
  client_.outbox.reset();
  owner_.loop().remove(transport_.fd());
  transport_.close();
  owner_.closed(self);
}

/// Nobody finds the client any more, nor tells it anything.
void Session::leave() {
  service_.clients().remove(client_.card->id);
  if (client_.monitor) service_.clients().remove_monitor(this);
  client_.monitor = false;
  commands::unsubscribe_all(client_, service_);
  commands::end_tracking(client_, service_);
}

void Session::check_deadlines(uint64_t now_ms) {
  const uint64_t idle_ms = service_.config().idle_timeout_ms();
  const bool listens = client_.subscriptions() > 0 || client_.monitor;
  const uint64_t write_timeout_ms = service_.options().write_timeout_ms;
  bool overflow = false;
  {
    const std::lock_guard lock(pushed_mutex_);
    overflow = push_overflow_;
    const uint64_t soft = service_.config().push_bytes_soft();
    if (soft == 0 || pushed_.bytes() <= soft)
      push_soft_since_ms_ = 0;
    else if (push_soft_since_ms_ == 0)
      push_soft_since_ms_ = now_ms;
    overflow |= push_soft_since_ms_ != 0 && now_ms >= push_soft_since_ms_ + service_.config().push_soft_ms();
  }
  const uint64_t auth_timeout_ms = service_.options().auth_timeout_ms;
  const bool stranger = !client_.authenticated || !transport_.secured();
  if (overflow || (stranger && auth_timeout_ms != 0 && now_ms > client_.card->created_ms + auth_timeout_ms) ||
      (idle_ms != 0 && !listens && !writing_ && !syncing_ && !working_ && !paused_ && !held_timer_ &&
       now_ms > active_ms_ + idle_ms) ||
      (writing_ && write_timeout_ms != 0 && now_ms > write_began_ms_ + write_timeout_ms) ||
      (draining_ && now_ms > drain_until_ms_))
    close();
}

// Reading

/// What comes next is taken when it is there; what is there already has its turn after the other connections'.
void Session::read() {
  if (closed_ || reading_) return;
  reading_ = true;
  if (!readable_) return;
  owner_.loop().post([self = shared_from_this()] {
    if (!self->closed_ && self->reading_ && self->readable_) self->guarded([&] { self->receive(); });
  });
}

void Session::receive() {
  const size_t wanted = static_cast<size_t>(std::clamp<uint64_t>(parser_.announced(), kReadBytesMin, kReadBytesMax));
  const auto [space, size] = input_.prepare(wanted);
  const auto [count, outcome] = transport_.read({space, size});
  if (outcome == Transport::Outcome::closed) return close();
  if (outcome == Transport::Outcome::wait_read) readable_ = false;
  if (outcome != Transport::Outcome::moved) return;
  // A short read has emptied the socket: what comes later is a new event. But the end may have come with these bytes,
  // and TLS may hold more in its own buffer.
  if (count < size && !hung_up_ && !transport_.may_hold_more()) readable_ = false;
  on_read(count);
}

/// Reads again in a while. What the client sends meanwhile waits in its own memory.
void Session::pause(int64_t ns) {
  paused_ = true;
  service_.statistics().throttled_clients.fetch_add(1, std::memory_order_relaxed);
  if (!pause_end_) pause_end_.emplace(owner_.loop());
  pause_end_->start(std::chrono::nanoseconds(ns), [weak = weak_from_this()] {
    const auto self = std::static_pointer_cast<Session>(weak.lock());
    if (!self || self->closed_) return;
    self->paused_ = false;
    self->service_.statistics().throttled_clients.fetch_sub(1, std::memory_order_relaxed);
    self->active_ms_ = self->service_.store().now_ms();
    self->guarded([&] { self->read(); });
  });
}

void Session::on_read(size_t count) {
  reading_ = false;
  if (draining_) return read();
  input_.commit(count);
  service_.statistics().input_bytes.fetch_add(count, std::memory_order_relaxed);
  active_ms_ = service_.store().now_ms();
  client_.card->active_ms.store(active_ms_, std::memory_order_relaxed);
  client_.card->input_bytes.store(input_.data().size(), std::memory_order_relaxed);
  take_commands();
  if (!broken_ && executor_.gathers(client_, commands_)) return owner_.gather(shared_from_this(), batch_bytes_);
  finish_input();
}

Result<void> Session::run_gathered(WriteTxn& txn, const Session* before) {
  out_.resize(gathered_mark_);
  gathered_done_ = 0;
  if (closed_) return {};
  const bool alike = before != nullptr && before->client_.identity.tenant == client_.identity.tenant;
  const Result<size_t> done = executor_.run_within(txn, client_, commands_, alike ? &before->executor_ : nullptr, out_);
  if (!done) return done.error();
  gathered_done_ = *done;
  return {};
}

/// Of a few sessions, so that what is fetched is still there when they run, and of those among them that work where the
/// first one does; the others wait for memory key by key. Returns how many were looked at.
size_t Session::fetch_keys(WriteTxn& txn, std::span<const std::shared_ptr<Session>> sessions) {
  constexpr size_t kKeysAtOnce = 64;
  Session& first = *sessions.front();
  std::vector<std::string_view> keys;
  size_t count = 0;
  for (; count < sessions.size() && keys.size() < kKeysAtOnce; ++count) {
    Session& session = *sessions[count];
    if (!session.closed_ && session.client_.database == first.client_.database &&
        session.client_.identity.tenant == first.client_.identity.tenant)
      session.executor_.add_gathered_keys(session.commands_, keys);
  }
  first.executor_.fetch_gathered(txn, first.client_, first.commands_, keys);
  return count;
}

void Session::run_together(Service& service, const std::vector<std::shared_ptr<Session>>& sessions) {
  for (const auto& session : sessions) session->gathered_mark_ = session->out_.size();
  const auto run = [&](WriteTxn& txn) -> Result<void> {
    size_t fetched = 0;
    const Session* before = nullptr;
    for (size_t i = 0; i < sessions.size(); ++i) {
      if (i == fetched) fetched += fetch_keys(txn, std::span(sessions).subspan(i));
      if (Result<void> done = sessions[i]->run_gathered(txn, before); !done) return done;
      before = sessions[i]->closed_ ? nullptr : sessions[i].get();
    }
    return {};
  };
  Result<void> committed;
  Sequence awaits_sync = 0;
  try {
    if (sessions.size() > 1) committed = service.store().write(run, service.write_options(awaits_sync));
  } catch (const std::exception&) {
    committed = Errc::io;  // whoever brought it about meets it again below, alone
  }
  for (const auto& session : sessions) {
    if (session->closed_) continue;
    if (sessions.size() > 1 && committed) {
      session->executor_.after_commit();
      session->next_command_ = session->gathered_done_;
      session->client_.awaits_sync = awaits_sync;
    } else {
      session->executor_.after_failure();
      session->out_.resize(session->gathered_mark_);
    }
    session->guarded([&] { session->finish_input(); });
  }
}

/// Parses what input_ holds into the next batch.
void Session::take_commands() {
  const RespOptions& options = service_.options();
  arguments_.clear();
  argument_ends_.clear();
  commands_.clear();
  next_command_ = batch_bytes_ = 0;
  more_ = false;
  const std::string_view input = input_.data();
  while (true) {
    if (argument_ends_.size() >= options.pipeline_max || batch_bytes_ >= options.pipeline_bytes_max) {
      more_ = true;
      break;
    }
    const Parser::Status status = parser_.parse(input.substr(batch_bytes_));
    if (status == Parser::Status::incomplete) break;
    if (status == Parser::Status::error) {
      broken_ = true;
      break;
    }
    batch_bytes_ += parser_.consumed();
    if (parser_.arguments().empty()) continue;
    arguments_.insert(arguments_.end(), parser_.arguments().begin(), parser_.arguments().end());
    argument_ends_.push_back(arguments_.size());
  }
  size_t begin = 0;
  for (const size_t end : argument_ends_) {
    commands_.emplace_back(arguments_.data() + begin, end - begin);
    begin = end;
  }
  pause_ns_ = std::max(pause_ns_, service_.charge(client_, peer_address_, commands_.size()));
}

/// Executes the batch. False: the replies must go out before it can go on, or a command is held back.
bool Session::run_commands() {
  while (next_command_ < commands_.size() && !client_.closing && !client_.job) {
    const std::span<const Args> rest(commands_.data() + next_command_, commands_.size() - next_command_);
    const size_t mark = out_.size();
    try {
      next_command_ += executor_.run(client_, rest, out_);
    } catch (const std::bad_alloc&) {
      out_.resize(mark);
      Reply(out_, client_.protocol).error("OOM kvfs gets no more memory for this command");
      client_.closing = true;  // as below
    } catch (const std::exception& failure) {
      // Damaged data or an I/O error: the command under way is lost, and where the batch stands is not known. Nor is
      // what those before it have answered for certain: they may have shared its transaction.
      out_.resize(mark);
      Reply(out_, client_.protocol).error(std::string("ERR internal error: ") + failure.what());
      client_.closing = true;
    }
    if (client_.held_until_ms != 0) return false;
    if (out_.size() >= service_.options().reply_bytes_soft && next_command_ < commands_.size()) return false;
  }
  return !client_.job;
}

/// False: as run_commands().
bool Session::run_batch() {
  const bool done = run_commands();
  push_protocol_.store(client_.protocol, std::memory_order_relaxed);
  push_subscribes_.store(client_.subscriptions() > 0, std::memory_order_relaxed);
  if (done && broken_ && !client_.closing) protocol_error();
  if (!done || client_.closing) return done;
  input_.consume(batch_bytes_);
  batch_bytes_ = 0;
  commands_.clear();
  next_command_ = 0;
  parser_.forget();
  parser_.restrict(!client_.authenticated);
  return true;
}

/// Goes on with the batch, with the batches after it, and then with reading, as far as the client takes the replies.
void Session::finish_input() {
  while (true) {
    const bool done = run_batch();
    const bool ends = client_.closing;
    if (client_.awaits_sync != 0) {
      syncing_ = true;
      return owner_.await_sync(shared_from_this(), std::exchange(client_.awaits_sync, 0));
    }
    if (done && !more_ && !ends && out_.size() <= kDeferredBytesMax && owner_.defer_send(*this)) return;
    flush();
    if (closed_) return;
    if (ends) client_.job = nullptr;
    if (client_.job) {
      working_ = true;
      return owner_.run_job(shared_from_this(), std::exchange(client_.job, nullptr));
    }
    if (writing_) return;
    if (ends) return drain();
    if (client_.held_until_ms != 0) return hold();
    if (!done) continue;
    if (!more_) break;
    take_commands();
  }
  await_input();
}

void Session::send_deferred() {
  if (closed_) return;
  guarded([this] {
    flush();
    if (!closed_ && !writing_) await_input();
  });
}

void Session::await_input() {
  client_.card->input_bytes.store(input_.data().size(), std::memory_order_relaxed);
  client_.card->queued_bytes.store(client_.queue_bytes, std::memory_order_relaxed);
  if (input_.data().size() > service_.options().query_buffer_bytes_max) return close();
  if (const int64_t ns = std::exchange(pause_ns_, 0); ns > 0) return pause(ns);
  read();
}

/// Waits until CLIENT PAUSE ends or is ended.
void Session::hold() {
  const uint64_t now_ms = service_.store().now_ms();
  const uint64_t wait_ms = client_.held_until_ms > now_ms ? client_.held_until_ms - now_ms : 0;
  constexpr uint64_t kWaitMsMax = 60'000;  // then it looks again
  held_timer_ = std::make_unique<EventLoop::Timer>(owner_.loop());
  service_.statistics().blocked_clients.fetch_add(1, std::memory_order_relaxed);
  held_timer_->start(std::chrono::milliseconds(std::min(wait_ms, kWaitMsMax) + 1), [weak = weak_from_this()] {
    if (const auto session = std::static_pointer_cast<Session>(weak.lock())) session->resume();
  });
}

void Session::end_hold() {
  if (!held_timer_) return;
  held_timer_.reset();
  service_.statistics().blocked_clients.fetch_sub(1, std::memory_order_relaxed);
}

void Session::resume() {
  if (closed_ || !held_timer_) return;
  end_hold();
  guarded([this] { finish_input(); });
}

void Session::synced(const Result<void>& done) {
  if (closed_) return;
  syncing_ = false;
  guarded([&] {
    if (!done) {
      // None of the replies can be kept to, and which of them told of writes is not known here.
      out_.clear();
      Reply(out_, client_.protocol).error(error_text(done.error()));
      client_.closing = true;
    }
    flush();
    if (!closed_ && !writing_) finish_input();
  });
}

void Session::job_done(const Result<void>& done) {
  if (closed_) return;
  working_ = false;
  active_ms_ = service_.store().now_ms();
  guarded([&] {
    Executor::reply_job(client_, done, out_);
    if (!writing_) finish_input();
  });
}

void Session::protocol_error() {
  Reply(out_, client_.protocol).error("ERR Protocol error: " + parser_.error());
  client_.closing = true;
}

// Writing

/// Pushed messages go out in pieces: no buffer grows with all that waits for a client who is slow.
void Session::flush() {
  for (bool more = true; more;) {
    if (writing_ || syncing_ || closed_) return;
    bool overflow = false;
    {
      const std::lock_guard lock(pushed_mutex_);
      if (!pushed_.empty()) {
        pushed_.take(out_, service_.options().reply_bytes_soft);
        client_.card->pushed_bytes.store(pushed_.bytes(), std::memory_order_relaxed);
      }
      push_announced_ = more = !pushed_.empty();
      overflow = push_overflow_;
    }
    if (overflow) return close();
    if (!out_.empty()) write();
  }
}

/// Writes out_, of which the rest is in flight then.
void Session::write() {
  service_.statistics().output_bytes.fetch_add(out_.size(), std::memory_order_relaxed);
  const size_t sent = send(out_);
  if (closed_) return;
  if (sent == out_.size()) {
    out_.clear();
    if (out_.capacity() > service_.options().reply_bytes_soft) out_.shrink_to_fit();
    return;
  }
  in_flight_.swap(out_);
  out_.clear();
  in_flight_sent_ = sent;
  client_.card->unsent_bytes.store(in_flight_.size() - sent, std::memory_order_relaxed);
  writing_ = true;
  write_began_ms_ = service_.store().now_ms();
}

/// Returns how much of it the client has room for; ends the connection where it is broken.
size_t Session::send(std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const auto [count, outcome] = transport_.write(bytes.substr(sent));
    if (outcome == Transport::Outcome::closed) close();
    if (outcome != Transport::Outcome::moved) break;
    sent += count;
  }
  return sent;
}

void Session::write_rest() {
  in_flight_sent_ += send(std::string_view(in_flight_).substr(in_flight_sent_));
  if (closed_) return;
  if (in_flight_sent_ == in_flight_.size()) return on_written();
  client_.card->unsent_bytes.store(in_flight_.size() - in_flight_sent_, std::memory_order_relaxed);
}

void Session::on_written() {
  writing_ = false;
  in_flight_.clear();
  client_.card->unsent_bytes.store(0, std::memory_order_relaxed);
  if (in_flight_.capacity() > service_.options().reply_bytes_soft) in_flight_.shrink_to_fit();
  if (syncing_) return;
  flush();  // messages before the replies to what comes next
  if (closed_ || writing_) return;
  if (reading_ || paused_ || working_)  // it was a push that was written, between two commands
    flush();
  else
    finish_input();
}

/// Other threads have put something into pushed_.
void Session::on_pushed() {
  guarded([this] {
    if (closed_) return;
    bool overflow = false;
    {
      const std::lock_guard lock(pushed_mutex_);
      overflow = push_overflow_;
      if (writing_ || syncing_) push_announced_ = true;  // what ends these takes them
    }
    if (overflow) return close();
    flush();
  });
}

void Session::drain() {
  if (draining_ || closed_) return;
  draining_ = true;
  leave();
  drain_until_ms_ = service_.store().now_ms() + kDrainMs;
  transport_.shutdown_send();
  input_.consume(input_.data().size());
  read();
}

}  // namespace kvfs::resp
