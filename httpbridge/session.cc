#include "httpbridge/session.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <ctime>

namespace kvfs::http {

namespace {

constexpr size_t kHeadBytes = 4096;          // read at first; grows up to header_bytes_max
constexpr size_t kFlushBytes = 64 * 1024;    // answers are collected up to this
constexpr size_t kIdleBytesMax = 64 * 1024;  // memory that an idle connection may keep for its next answer
constexpr size_t kLingerBytesMax = 4 * 1024 * 1024;
constexpr uint32_t kLingerMs = 2000;
constexpr size_t kChunkFrameBytes = 32;  // for "<hex>\r\n" and "\r\n" around a piece

int64_t coarse_unix_seconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

/// Such a head has no end as RFC 9112 defines it, so that waiting for the rest would be in vain.
bool has_bare_newline(std::string_view head) {
  for (size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1))
    if (at == 0 || head[at - 1] != '\r') return true;
  return false;
}

/// `head`, which is all that may come, ends within the request line's target.
bool target_is_cut(std::string_view head) {
  return head.find(' ') != std::string_view::npos && head.find('\n') == std::string_view::npos;
}

bool token_begins(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

}  // namespace

Session::Session(Worker::Seat seat, Transport transport, std::string peer, bool loopback)
    : seat_(std::move(seat)), worker_(seat_.worker()), transport_(std::move(transport)) {
  connection_.peer = std::move(peer);
  connection_.loopback = loopback;
}

void Session::start() {
  worker_.add(shared_from_this());
  set_deadline(worker_.options().header_timeout_ms);
  if (!worker_.loop().add(transport_.fd(), *this)) abort();
}

void Session::on_ready(EventLoop::Event event) {
  if (stage_ == Stage::closed) return;
  readable_ = readable_ || event.readable;
  hung_up_ = hung_up_ || event.hung_up;
  if (stage_ == Stage::source && source_waits_) {
    if (event.hung_up) abort();  // nobody listens any more
    return;                      // otherwise a pipelined request, which can wait for its turn
  }
  guarded([this] {
    read_ahead();
    worker_.take_turn(*this);
  });
}

void Session::read_ahead() {
  if (stage_ == Stage::head && head_.empty() && sent_ == out_.size()) fill();
}

void Session::run_guarded() {
  guarded([this] { run(); });
}

template <class Body>
void Session::guarded(Body&& body) {
  try {
    body();
  } catch (const std::exception& e) {
    spdlog::error("http: a connection from {} failed: {}", connection_.peer, e.what());
    abort();
  }
}

void Session::set_deadline(uint64_t after_ms) {
  deadline_ms_ = after_ms == 0 ? 0 : worker_.coarse_now_ms() + static_cast<int64_t>(after_ms);
}

void Session::run() {
  size_t budget = worker_.options().pipelined_requests_max;
  while (stage_ != Stage::closed) {
    if (out_.size() - sent_ >= kFlushBytes && !flush()) return;
    const bool finished = stage_ == Stage::linger || (close_after_ && stage_ == Stage::head);
    const Step step = finished ? Step::need_input : advance();
    if (step == Step::again) {
      budget -= std::min(budget, stage_ == Stage::source ? size_t{16} : size_t{1});
      if (budget == 0) return yield();
      continue;
    }
    if (stage_ == Stage::closed) return;
    if (stage_ == Stage::head && !close_after_ && sent_ < out_.size() && worker_.holds_answers())
      return worker_.hold(*this);
    if (!flush()) return;
    if (stage_ == Stage::source) return await_source();
    if (stage_ == Stage::sync || stage_ == Stage::gathered) return;
    if (close_after_ && stage_ == Stage::head) linger();
    if (!fill()) return;
    if (stage_ == Stage::body && --budget == 0) return yield();
  }
}

void Session::yield() {
  if (!flush()) return;
  worker_.loop().post([self = shared_from_this()] { self->run_guarded(); });
}

Session::Step Session::advance() {
  switch (stage_) {
    case Stage::head:
      return advance_head();
    case Stage::body:
      return advance_body();
    case Stage::source:
      return advance_source();
    case Stage::gathered:
    case Stage::sync:
    case Stage::linger:
    case Stage::closed:
      break;
  }
  return Step::need_input;
}

Session::Step Session::advance_head() {
  while (head_.unread().starts_with("\r\n")) head_.consume(2);  // as RFC 9112 asks of servers
  const std::string_view unread = head_.unread();
  if (unread.empty()) return Step::need_input;
  const HttpOptions& options = worker_.options();
  if (!token_begins(unread.front()) && unread != "\r") {
    refuse(400, "this is not an HTTP request");
    return Step::again;
  }
  if (started_ns_ == 0) {
    started_ns_ = worker_.lap_ns();
    set_deadline(options.header_timeout_ms);
    request_end_ms_ = options.request_timeout_ms == 0 ? 0 : worker_.coarse_now_ms() + options.request_timeout_ms;
  }
  const size_t end = unread.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > options.header_bytes_max) {
    if (end == std::string_view::npos && has_bare_newline(unread)) {
      refuse(400, "a line of the header ends in LF without CR");
      return Step::again;
    }
    if (unread.size() < options.header_bytes_max && end == std::string_view::npos) return Step::need_input;
    if (target_is_cut(unread.substr(0, options.header_bytes_max))) {
      refuse(414, "the request target is longer than target_bytes_max, " + std::to_string(options.target_bytes_max) +
                      " bytes");
      return Step::again;
    }
    refuse(431, "the header is larger than header_bytes_max, " + std::to_string(options.header_bytes_max) + " bytes");
    return Step::again;
  }
  parser_.emplace(request_, options);
  boost::system::error_code error;
  const size_t used = parser_->put({unread.data(), end + 4}, error);
  if (error || !parser_->is_header_done()) {
    const int status = parser_->refused_status() != 0 ? parser_->refused_status() : RequestParser::status_of(error);
    const std::string detail = parser_->refused_status() != 0 ? std::string(parser_->refused_detail())
                                                              : "malformed request: " + error.message();
    refuse(status, detail);
    return Step::again;
  }
  head_.consume_in_place(used);
  request_.peer = connection_.peer;
  request_.loopback = connection_.loopback;
  begin_body(worker_.service().admit(worker_.context(), connection_, request_, response_));
  return Step::again;
}

void Session::finish_request() {
  if (!answered_early_ && request_end_ms_ != 0 && worker_.coarse_now_ms() >= request_end_ms_) {
    worker_.context().metrics.timeouts.add();
    worker_.service().fail(request_, response_, 504, "its turn came after request_timeout; it was not carried out");
  } else if (!answered_early_) {
    if (!gather()) handle();
    return;
  }
  answer();
}

bool Session::gather() {
  if (!worker_.service().may_gather(request_)) return false;
  Result<ValuePut> put = ValuePut::make(worker_.context(), request_);
  if (!put) return false;  // the handler says so
  put_.emplace(std::move(*put));
  stage_ = Stage::gathered;
  set_deadline(0);
  worker_.gather(shared_from_this());
  return true;
}

Result<void> Session::run_put(WriteTxn& txn) { return stage_ == Stage::gathered ? put_->run(txn) : Result<void>(); }

void Session::put_done() {
  if (stage_ != Stage::gathered) return;
  guarded([this] {
    (void)put_->finish(Result<void>(), response_, worker_.service().store().now_ms());
    put_.reset();
    answer_handled();
    run();
  });
}

void Session::put_alone() {
  if (stage_ != Stage::gathered) return;
  guarded([this] {
    put_.reset();
    handle();
    run();
  });
}

void Session::handle() {
  worker_.context().give_up_ms = request_end_ms_;
  worker_.service().handle(worker_.context(), request_, response_);
  answer_handled();
}

void Session::answer_handled() {
  if (!worker_.awaits_sync(shared_from_this())) return answer();
  stage_ = Stage::sync;
  set_deadline(0);
}

void Session::synced(const Result<void>& done) {
  if (stage_ != Stage::sync) return;
  if (!done) {
    response_.reset();
    worker_.service().fail(request_, response_, done.error());
  }
  answer();
  run_guarded();
}

void Session::answer() {
  if (!request_.keep_alive || worker_.service().draining()) close_after_ = true;
  const bool unknown_size = response_.source && !response_.source->size();
  if (unknown_size && request_.http_1_0) close_after_ = true;
  response_.close = close_after_;
  const size_t before = out_.size();
  response_.append_head(request_, coarse_unix_seconds(), out_);
  const bool silent = request_.method == Method::head || response_.status == 204 || response_.status == 304;
  answer_bytes_ = 0;
  if (!silent && response_.source) {
    stage_ = Stage::source;
    source_waits_ = false;
    set_deadline(worker_.options().write_timeout_ms);
    response_.source->set_wake([weak = weak_from_this(), &loop = worker_.loop()] {
      loop.post([weak] {
        const auto self = weak.lock();
        if (!self || !self->source_waits_) return;
        self->source_waits_ = false;
        self->run_guarded();
      });
    });
    return;
  }
  if (!silent) {
    out_.append(response_.body);
    answer_bytes_ = response_.body.size();
  }
  worker_.context().metrics.bytes_out.add(out_.size() - before);
  after_answer();
}

void Session::refuse(int status, std::string_view detail) {
  worker_.context().metrics.malformed.add();
  response_.reset();
  worker_.service().fail(request_, response_, status, detail);
  close_after_ = true;
  answer();
}

void Session::after_answer() {
  account();
  parser_.reset();
  request_.reset();
  request_.caller = {};
  response_.reset();
  if (response_.body.capacity() > kIdleBytesMax) std::string().swap(response_.body);
  if (body_.capacity() > kIdleBytesMax) std::string().swap(body_);
  body_.clear();
  head_.consume(0);
  if (bulk_.capacity() > 0) {
    head_.append(bulk_.unread());
    bulk_.release();
  }
  head_.shrink(2 * kHeadBytes);
  started_ns_ = 0;
  request_end_ms_ = 0;
  stage_ = Stage::head;
  set_deadline(worker_.options().idle_timeout_ms);
}

// A watch's time is how long somebody listened, so it must not count as the latency of a read.
void Session::account() {
  const uint64_t duration_ns = started_ns_ == 0 ? 0 : static_cast<uint64_t>(worker_.now_ns() - started_ns_);
  const Operation operation = response_.streaming         ? Operation::watch
                              : request_.route != nullptr ? request_.route->operation
                                                          : Operation::other;
  worker_.context().metrics.count(operation, response_.status);
  worker_.service().latency_of(operation).record(duration_ns);
  if (worker_.shared().access_log != nullptr) log_request(duration_ns / 1000);
}

void Session::log_request(uint64_t duration_us) {
  AccessLog::Line line;
  line.peer = connection_.peer;
  line.user = request_.caller.name;
  line.method = request_.method_name;
  line.target = request_.target;
  line.http_1_0 = request_.http_1_0;
  line.status = response_.status;
  line.body_bytes = answer_bytes_;
  line.referer = request_.headers.referer;
  line.user_agent = request_.headers.user_agent;
  line.duration_us = duration_us;
  worker_.shared().access_log->write(line, coarse_unix_seconds());
}

Session::Step Session::advance_source() {
  BodySource& source = *response_.source;
  const bool chunked = !source.size() && !request_.http_1_0;
  const std::span<char> scratch = worker_.scratch();
  const std::span<char> data = scratch.subspan(kChunkFrameBytes, scratch.size() - 2 * kChunkFrameBytes);
  Result<BodySource::Piece> piece = Errc::io;
  worker_.context().give_up_ms = 0;  // what goes out in pieces takes as long as its client
  try {
    piece = source.read(data);
  } catch (const std::exception& e) {
    piece = Result<BodySource::Piece>(Errc::io, e.what());
  }
  if (!piece) {
    spdlog::error("http: {} {}: the answer was cut: {}", request_.method_name, request_.path, piece.error().message());
    abort();
    return Step::need_input;
  }
  answer_bytes_ += piece->bytes;
  if (piece->bytes > 0) {
    char* begin = data.data();
    size_t bytes = piece->bytes;
    if (chunked) {
      char line[kChunkFrameBytes];
      char* end = std::to_chars(line, line + sizeof line - 2, bytes, 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      const auto line_bytes = static_cast<size_t>(end - line);
      begin -= line_bytes;
      std::memcpy(begin, line, line_bytes);
      std::memcpy(data.data() + bytes, "\r\n", 2);
      bytes += line_bytes + 2;
    }
    send_direct({begin, bytes});
  }
  if (piece->state == BodySource::State::done) {
    if (chunked) out_.append("0\r\n\r\n");
    after_answer();
    return Step::again;
  }
  return piece->state == BodySource::State::wait ? Step::need_input : Step::again;
}

void Session::send_direct(std::span<const char> bytes) {
  worker_.context().metrics.bytes_out.add(bytes.size());
  if (out_.size() == sent_) {
    out_.clear();
    sent_ = 0;
    while (!bytes.empty()) {
      const auto moved = transport_.write(bytes);
      if (moved.outcome != Transport::Outcome::moved) break;  // flush() meets it again
      set_deadline(worker_.options().write_timeout_ms);
      bytes = bytes.subspan(moved.bytes);
    }
  }
  out_.append(bytes.data(), bytes.size());
}

bool Session::flush() {
  while (sent_ < out_.size()) {
    const auto moved = transport_.write({out_.data() + sent_, out_.size() - sent_});
    switch (moved.outcome) {
      case Transport::Outcome::moved:
        sent_ += moved.bytes;
        continue;
      case Transport::Outcome::wait_read:
      case Transport::Outcome::wait_write:
        set_deadline(worker_.options().write_timeout_ms);
        return false;
      case Transport::Outcome::closed:
        abort();
        return false;
    }
  }
  if (out_.capacity() > kIdleBytesMax)
    std::string().swap(out_);
  else
    out_.clear();
  sent_ = 0;
  return true;
}

std::span<char> Session::room() {
  switch (stage_) {
    case Stage::linger:
      return worker_.scratch();
    case Stage::body:
      return body_room();
    default:
      return head_.prepare(head_.capacity() == 0 ? kHeadBytes : kHeadBytes / 2);
  }
}

bool Session::fill() {
  if (!readable_) return false;
  const std::span<char> room = this->room();
  const auto moved = transport_.read(room);
  switch (moved.outcome) {
    case Transport::Outcome::moved:
      break;
    case Transport::Outcome::wait_read:
      readable_ = false;
      return false;
    case Transport::Outcome::wait_write:
      return false;
    case Transport::Outcome::closed:
      abort();
      return false;
  }
  worker_.context().metrics.bytes_in.add(moved.bytes);
  // A short read has emptied the socket: what comes later is a new event. But the end may have come with these bytes,
  // and TLS may hold more in its own buffer.
  if (moved.bytes < room.size() && !hung_up_ && !transport_.may_hold_more()) readable_ = false;
  if (stage_ == Stage::linger) {
    linger_left_ -= std::min(linger_left_, moved.bytes);
    if (linger_left_ == 0) abort();
    return stage_ != Stage::closed;
  }
  if (stage_ == Stage::body)
    body_came(moved.bytes);
  else
    head_.commit(moved.bytes);
  return true;
}

// The source has nothing now: its wake goes on, or the client's hanging up ends it.
void Session::await_source() {
  source_waits_ = true;
  set_deadline(0);
}

// Closing at once would let the client's unread bytes destroy the answer on its way.
void Session::linger() {
  transport_.shutdown_send();
  stage_ = Stage::linger;
  linger_left_ = kLingerBytesMax;
  set_deadline(kLingerMs);
}

void Session::check_deadline(int64_t now_ms) {
  if (stage_ == Stage::source && source_waits_) {
    const int64_t due_ms = response_.source->due_ms();
    if (due_ms == 0 || now_ms < due_ms) return;
    source_waits_ = false;
    return run_guarded();
  }
  if (stage_ == Stage::gathered) return;  // its turn is next
  if (stage_ == Stage::sync) {
    if (request_end_ms_ == 0 || now_ms < request_end_ms_) return;
    worker_.context().metrics.timeouts.add();
    close_after_ = true;
    return synced(Error{Errc::timeout,
                        "the disk has not confirmed within request_timeout; the change was made, but "
                        "may not survive a power failure"});
  }
  const bool request_late = request_end_ms_ != 0 && now_ms >= request_end_ms_ && stage_ != Stage::source;
  if (!request_late && (deadline_ms_ == 0 || now_ms < deadline_ms_)) return;
  const bool sending = sent_ < out_.size();
  const bool half_a_request = (stage_ == Stage::head && !head_.empty()) || stage_ == Stage::body;
  if (stage_ != Stage::linger) worker_.context().metrics.timeouts.add();
  if (half_a_request && !sending) {
    const auto self = shared_from_this();
    refuse(408, "the request came too slowly; see header_timeout, read_timeout and request_timeout");
    transport_.write({out_.data(), out_.size()});
    transport_.shutdown_send();
  }
  abort();
}

void Session::drain() {
  const bool idle = stage_ == Stage::head && head_.empty() && sent_ == out_.size();
  if (idle || stage_ == Stage::linger) return abort();
  if (stage_ == Stage::source && response_.streaming) {
    if (sent_ == out_.size() && !request_.http_1_0) transport_.write(std::string_view("0\r\n\r\n"));
    abort();
  }
}

void Session::abort() {
  if (stage_ == Stage::closed) return;
  if (stage_ == Stage::source) account();  // cut short
  stage_ = Stage::closed;
  response_.source.reset();
  worker_.loop().remove(transport_.fd());
  transport_.close();
  worker_.remove(*this);
}

}  // namespace kvfs::http
