// What the server knows of one connection: who it is, where it works, and what state the protocol is in. No socket.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/options.h"
#include "store/channels.h"
#include "store/engine/engine.h"
#include "store/entry.h"
#include "store/result.h"

namespace kvfs::resp {

struct CommandSpec;
class Outbox;

/// What CLIENT TRACKING was asked for.
struct TrackingOptions {
  bool broadcast = false;  // of all keys with one of the prefixes, whoever read them
  bool opt_in = false;     // only of keys read by a command after CLIENT CACHING YES
  bool opt_out = false;    // not of keys read by a command after CLIENT CACHING NO
  bool no_loop = false;    // not of its own changes
  uint64_t redirect = 0;   // the client that is told instead; 0: itself
  std::vector<std::string> prefixes;
};

/// What CLIENT LIST, CLIENT KILL and INFO see of a connection from other threads.
struct ClientCard {
  uint64_t id = 0;
  int fd = -1;
  std::string address;
  std::string local_address;
  uint64_t created_ms = 0;
  std::atomic<uint64_t> active_ms{0};
  std::atomic<const CommandSpec*> last_command{nullptr};
  std::atomic<size_t> input_bytes{0};   // received and not yet executed
  std::atomic<size_t> queued_bytes{0};  // of commands after MULTI
  std::atomic<size_t> pushed_bytes{0};  // messages that wait to be sent
  std::atomic<size_t> unsent_bytes{0};  // what the client has yet to take of the last write
  std::atomic<bool> no_evict{false};
  std::atomic<bool> no_touch{false};
  std::function<void()> kill;    // any thread; ends the connection soon
  std::function<void()> resume;  // any thread; looks again, soon, whether held commands may run
  std::weak_ptr<Outbox> outbox;  // constant once the card is listed

  std::mutex mutex;
  // guarded by mutex:
  std::string name;
  std::string library_name;
  std::string library_version;
  std::string user = "default";
  std::string tenant;
  uint32_t database = 0;
  int protocol = 2;
  int64_t queued = -1;  // commands after MULTI; -1: none
  size_t watched = 0;
  size_t channels = 0;
  size_t patterns = 0;
  size_t shard_channels = 0;
  bool monitor = false;
  std::optional<TrackingOptions> tracking;
};

/// What is held for the client.
inline size_t held_bytes(const ClientCard& card) {
  size_t sum = 0;
  for (const std::atomic<size_t>* bytes :
       {&card.input_bytes, &card.queued_bytes, &card.pushed_bytes, &card.unsent_bytes})
    sum += bytes->load(std::memory_order_relaxed);
  return sum;
}

/// Where messages that are no replies go: pushed by any thread, sent by the connection's own.
class Outbox : public Channels::Subscriber {
 public:
  /// `bytes` are complete protocol messages.
  virtual void push(std::string_view bytes) noexcept = 0;
  /// Of the connection, as messages pushed now will find it: its protocol version; whether it listens to channels.
  virtual int protocol() const noexcept = 0;
  virtual bool subscribes() const noexcept = 0;

  /// The subscriber of sharded channels, whose messages are marked as such.
  static Channels::SubscriberPtr sharded(const std::shared_ptr<Outbox>& outbox) { return {outbox, &outbox->sharded_}; }

 private:
  virtual void deliver_sharded(const Channels::Message& message) noexcept = 0;

  struct Sharded : Channels::Subscriber {
    explicit Sharded(Outbox& of) : outbox(of) {}
    void deliver(const Channels::Message& message) noexcept override { outbox.deliver_sharded(message); }
    Outbox& outbox;
  };
  Sharded sharded_{*this};
};

/// A command kept for later, with its own copy of the arguments.
struct QueuedCommand {
  const CommandSpec* spec = nullptr;
  std::vector<std::string> storage;
  std::vector<std::string_view> args;  // views into storage
};

struct WatchedKey {
  std::string tenant;
  std::string collection;
  std::string key;
  Version version = 0;  // 0: absent
  uint64_t since = 0;   // the feed's position then
};

/// Used by the connection's thread alone.
struct Client {
  std::shared_ptr<ClientCard> card = std::make_shared<ClientCard>();
  std::shared_ptr<Outbox> outbox;

  bool loopback = false;
  bool authenticated = false;
  Identity identity;
  uint32_t database = 0;
  int protocol = 2;

  bool in_transaction = false;
  bool transaction_failed = false;  // a command could not be queued: EXEC will refuse
  std::vector<QueuedCommand> queue;
  uint64_t queue_bytes = 0;
  std::vector<WatchedKey> watched;

  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::set<std::string, std::less<>> shard_channels;
  bool monitor = false;

  /// What the last command began and another thread is to do; its end is the reply. Nothing else of the client runs
  /// meanwhile.
  std::function<Result<void>()> job;
  bool job_is_silent = false;  // CLIENT REPLY: nothing is said of it

  /// The replies that are not yet sent may go out when this commit is durable (Store::when_durable); 0: at once.
  Sequence awaits_sync = 0;

  enum class Replies { on, off, skip_next, skip_this };
  Replies replies = Replies::on;
  bool closing = false;        // after the replies so far
  uint64_t held_until_ms = 0;  // CLIENT PAUSE: the next command waits; 0: it does not

  std::optional<TrackingOptions> tracking;
  bool caching = false;  // CLIENT CACHING: what opt_in and opt_out say of the next command is turned round

  size_t subscriptions() const { return channels.size() + patterns.size() + shard_channels.size(); }
};

/// Name space of sharded channels in the hub: beside the tenant's plain ones.
inline std::string shard_space(const std::string& tenant) { return tenant + '\0' + "shard"; }

}  // namespace kvfs::resp
