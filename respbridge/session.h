// One connection: reads, lets the executor run what was read, writes the replies and the messages that others push.
// One read is answered by one write where it can be.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/transport.h"
#include "respbridge/client.h"
#include "respbridge/executor.h"
#include "respbridge/input_buffer.h"
#include "respbridge/parser.h"
#include "respbridge/push_queue.h"
#include "respbridge/service.h"

namespace kvfs::resp {

class Session;

/// What owns sessions on their thread.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual EventLoop& loop() = 0;
  /// Keeps the session until the loop's next settle().
  virtual void closed(const std::shared_ptr<Session>& session) = 0;
  /// The session has read writes of `bytes` that can share a transaction with those of others: run_together() is called
  /// soon, when all sockets that were ready have been read.
  virtual void gather(const std::shared_ptr<Session>& session, size_t bytes) = 0;
  /// True: the session's replies go out with those of all that are ready now: send_deferred() is called then. False:
  /// they go out now.
  virtual bool defer_send(Session& session) = 0;
  /// The session's replies wait for the commit `sequence` to be durable: synced() is called then.
  virtual void await_sync(const std::shared_ptr<Session>& session, Sequence sequence) = 0;
  /// The session's next command waits for `job`, which another thread does: job_done() is called then.
  virtual void run_job(const std::shared_ptr<Session>& session, std::function<Result<void>()> job) = 0;
};

/// All functions run on the thread of its owner's loop, but deliver(), push() and the card's kill.
/// Memory: the input buffer (query_buffer_bytes_max), the replies (reply_bytes_soft plus the largest reply), pushed
/// messages (push_bytes_max). While a client does not take its replies, nothing more is read from it.
class Session : public Outbox, public std::enable_shared_from_this<Session>, private EventLoop::Handler {
 public:
  Session(Service& service, SessionOwner& owner, Transport transport, bool loopback);

  void start();
  /// At once, without a last word.
  void close();
  /// Executes what sessions of one thread gathered, in one transaction, and lets them go on. Where that fails, each
  /// executes its own.
  static void run_together(Service& service, const std::vector<std::shared_ptr<Session>>& sessions);
  /// After defer_send() of the owner: sends, and goes on.
  void send_deferred();
  /// What its replies were waiting for is durable, or may not be: then the client is told, and let go.
  void synced(const Result<void>& done);
  /// What run_job() of the owner was asked for has ended.
  void job_done(const Result<void>& done);
  /// Called about once a second: closes what has been idle or stuck for too long.
  void check_deadlines(uint64_t now_ms);

  void deliver(const Channels::Message& message) noexcept override;
  void deliver_sharded(const Channels::Message& message) noexcept override;
  void push(std::string_view bytes) noexcept override;
  int protocol() const noexcept override { return push_protocol_.load(std::memory_order_relaxed); }
  bool subscribes() const noexcept override { return push_subscribes_.load(std::memory_order_relaxed); }

 private:
  void on_ready(EventLoop::Event event) override;
  void begin();
  template <class Body>
  void guarded(Body&& body);
  void read();
  void receive();
  void pause(int64_t ns);
  void on_read(size_t count);
  void take_commands();
  bool run_commands();
  /// `before`: the one that ran before in this transaction, or null.
  Result<void> run_gathered(WriteTxn& txn, const Session* before);
  static size_t fetch_keys(WriteTxn& txn, std::span<const std::shared_ptr<Session>> sessions);
  void finish_input();
  bool run_batch();
  void await_input();
  void protocol_error();
  void flush();
  void write();
  size_t send(std::string_view bytes);
  void write_rest();
  void on_written();
  void deliver(std::string_view kind, const Channels::Message& message) noexcept;
  void push_large(std::string&& bytes) noexcept;
  template <class Add>
  void push(size_t bytes, Add add) noexcept;
  void miss() noexcept;
  void on_pushed();
  void drain();
  void leave();
  void hold();
  void end_hold();
  void resume();
  void set_up_card(bool loopback);

  Service& service_;
  SessionOwner& owner_;
  Transport transport_;
  Client client_;
  Executor executor_;
  Parser parser_;

  InputBuffer input_;
  std::vector<std::string_view> arguments_;  // of all commands of the batch, one after another
  std::vector<size_t> argument_ends_;        // of each command, in arguments_
  std::vector<Args> commands_;               // the batch: views into input_
  size_t next_command_ = 0;                  // the first that is not yet executed
  size_t batch_bytes_ = 0;                   // of input_ that the batch takes
  size_t gathered_mark_ = 0;                 // of out_: replies of a gathered transaction begin here
  size_t gathered_done_ = 0;                 // commands of the batch that it executed
  bool broken_ = false;                      // the input is no protocol: an error is due after the batch
  int64_t pause_ns_ = 0;                     // before the next read, for the commands taken
  bool more_ = false;                        // input_ may hold more commands than the batch took

  std::optional<EventLoop::Timer> pause_end_;
  std::string peer_address_;  // without the port
  std::string out_;
  std::string in_flight_;
  size_t in_flight_sent_ = 0;
  bool writing_ = false;   // in_flight_ waits for the client
  bool syncing_ = false;   // out_ waits for synced()
  bool working_ = false;   // another thread does what a command began
  bool reading_ = false;   // what comes next is to be taken
  bool readable_ = false;  // as far as is known: cleared when a read finds nothing
  bool hung_up_ = false;   // the end of the client's bytes is near
  bool paused_ = false;    // the client is beyond its rate: not read from
  bool draining_ = false;  // the last byte is sent; what still comes is thrown away
  bool closed_ = false;
  uint64_t active_ms_ = 0;       // the last time something was read
  uint64_t write_began_ms_ = 0;  // 0: no write is under way
  uint64_t drain_until_ms_ = 0;

  std::mutex pushed_mutex_;
  PushQueue pushed_;                 // guarded by pushed_mutex_
  bool push_announced_ = false;      // guarded by pushed_mutex_
  bool push_overflow_ = false;       // guarded by pushed_mutex_
  uint64_t push_soft_since_ms_ = 0;  // guarded by pushed_mutex_; 0: less than push_bytes_soft waits
  std::atomic<int> push_protocol_{2};
  std::atomic<bool> push_subscribes_{false};
  std::unique_ptr<EventLoop::Timer> held_timer_;  // null: no command is held back
};

}  // namespace kvfs::resp
