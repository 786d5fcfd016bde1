// One connection: bytes to requests, requests to the service, answers to bytes. Everything runs on its worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "httpbridge/input_buffer.h"
#include "httpbridge/request_parser.h"
#include "httpbridge/service.h"
#include "httpbridge/value_put.h"
#include "httpbridge/worker.h"
#include "net/transport.h"

namespace kvfs::http {

/// Owned by its worker until abort(). Invariant: `request_` holds views into `head_` from admit() until its answer has
/// been made, and `head_` does not move in between.
class Session final : public std::enable_shared_from_this<Session>, private EventLoop::Handler {
 public:
  Session(Worker::Seat seat, Transport transport, std::string peer, bool loopback);

  void start();
  /// Called by the worker now and then: ends what is overdue.
  void check_deadline(int64_t now_ms);
  /// No further request; an idle connection ends at once.
  void drain();
  void abort();
  /// What the request wrote is durable, or may not be: it can be answered.
  void synced(const Result<void>& done);
  // Of a session that was given to Worker::gather().
  /// Within a transaction with others. Errors: those of the request.
  Result<void> run_put(WriteTxn& txn);
  /// The transaction has committed.
  void put_done();
  /// Carries the request out by itself.
  void put_alone();
  /// After Worker::take_turn(): goes on.
  void run_guarded();

  std::shared_ptr<void> place;  // among the connections of its address, given back with the session
  // Of the worker.
  size_t worker_slot = 0;
  std::shared_ptr<Session> gone_before;

 private:
  enum class Stage { head, body, gathered, sync, source, linger, closed };
  /// upload: its length is known, and its bytes go from the socket into the store's chunks without a copy.
  enum class BodyMode { memory, upload, chunked_upload, discard };
  /// What run() does after a step.
  enum class Step { again, need_input };

  void on_ready(EventLoop::Event event) override;
  void read_ahead();
  /// What it throws ends the connection.
  template <class Body>
  void guarded(Body&& body);
  /// Goes on until something has to be waited for: the socket (on_ready), the source (its wake), or other connections'
  /// turn.
  void run();
  void yield();
  Step advance();
  Step advance_head();
  Step advance_body();
  Step advance_source();
  void begin_body(Service::Next next);
  bool take_body_piece(std::string_view piece);
  bool refused_upload(const Result<void>& taken);
  std::span<char> body_room();
  void body_came(size_t bytes);
  void finish_request();
  /// True: the request is carried out together with those of others.
  bool gather();
  void handle();
  /// Answers what has been handled, when it is durable as demanded.
  void answer_handled();
  void answer();
  void refuse(int status, std::string_view detail);
  void after_answer();

  bool flush();
  std::span<char> room();
  bool fill();
  void send_direct(std::span<const char> bytes);
  void await_source();
  void linger();
  void set_deadline(uint64_t after_ms);
  void account();
  void log_request(uint64_t duration_us);

  const Worker::Seat seat_;
  Worker& worker_;
  Transport transport_;
  Connection connection_;
  Request request_;
  Response response_;
  std::optional<ValuePut> put_;  // while it is gathered
  std::optional<RequestParser> parser_;

  Stage stage_ = Stage::head;
  BodyMode body_mode_ = BodyMode::memory;
  bool answered_early_ = false;  // the answer was decided by the head; the body is dropped first
  bool close_after_ = false;
  bool readable_ = false;      // as far as is known: cleared when a read finds nothing
  bool hung_up_ = false;       // the end of the client's bytes is near
  bool source_waits_ = false;  // for its wake
  size_t linger_left_ = 0;
  uint64_t upload_left_ = 0;  // bytes of the body still to come, with BodyMode::upload

  InputBuffer head_;
  InputBuffer bulk_;  // a body that did not come with its head
  std::string body_;
  std::string out_;
  size_t sent_ = 0;
  uint64_t answer_bytes_ = 0;

  int64_t deadline_ms_ = 0;     // coarse clock; 0: none
  int64_t request_end_ms_ = 0;  // likewise, of request_timeout_ms
  int64_t started_ns_ = 0;
};

}  // namespace kvfs::http
