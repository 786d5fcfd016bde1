// What a command is: its row in the command table, and what its handler works with.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "respbridge/client.h"
#include "respbridge/reply.h"
#include "store/keyspace.h"
#include "store/typed_value.h"

namespace kvfs::resp {

using Args = std::span<const std::string_view>;

class Call;
class Service;

/// Bits of CommandSpec::flags.
enum CommandFlag : uint32_t {
  kReads = 1 << 0,   // runs in a transaction that reads; may share it with its neighbours in the pipeline
  kWrites = 1 << 1,  // likewise, one that writes
  kOwn = 1 << 2,     // makes its own transactions, many where the work is long; in EXEC it uses EXEC's
  kAlone = 1 << 3,   // changes the connection's state: never runs twice, shares no transaction
  kFast = 1 << 4,
  kAdmin = 1 << 5,  // needs an administrator's key where there are keys
  kPubsub = 1 << 6,
  kNoAuth = 1 << 7,   // allowed before AUTH
  kNoMulti = 1 << 8,  // refused after MULTI
  kInQueue = 1 << 9,  // executed, not queued, after MULTI
  kDenyOom = 1 << 10,
  kContainer = 1 << 11,   // has subcommands, which are rows named "container|sub"
  kSubscribed = 1 << 12,  // allowed to a RESP2 client that has subscriptions
  kMovable = 1 << 13,     // keys are found by looking at the arguments
  kBlindWrite = 1 << 14,  // for COMMAND: writes, though it runs outside of shared transactions
  kLooks = 1 << 15,       // does not count as a use of the keys it finds
  kMoreKeys = 1 << 16,    // STORE names another key
};

struct CommandSpec {
  std::string_view name;  // lower case
  int arity;              // with the name; negative: at least
  uint32_t flags;
  int first_key;  // 0: none
  int last_key;   // negative: from the end
  int key_step;
  void (*run)(Call&);
  std::string_view group;
  std::string_view since;
  std::string_view summary;
};

/// Any case. Null: no such command.
const CommandSpec* find_command(std::string_view name);
/// "client", "GETNAME". Null: no such subcommand.
const CommandSpec* find_subcommand(std::string_view container, std::string_view sub);
/// In byte order of their names; subcommands included.
std::span<const CommandSpec> command_table();
/// Whether Redis has the command, but kvfs not yet: hashes, lists, sorted sets, streams, scripts.
bool is_planned_command(std::string_view name);
/// Positions of the keys in `args`; nullopt: the arguments are malformed.
std::optional<std::vector<size_t>> key_positions(const CommandSpec& spec, Args args);
/// Whether the key's rights suffice.
bool may_run(const Identity& who, const CommandSpec& spec);
bool arity_fits(const CommandSpec& spec, size_t count);

/// What one or several commands run in. Rebuilt when their transaction runs again.
struct Scope {
  const ReadTxn* reader = nullptr;
  WriteTxn* writer = nullptr;
  bool in_exec = false;
  std::optional<DirId> tenant;
  std::vector<std::pair<uint32_t, DirId>> collections;  // by database; found or made in this transaction
  std::vector<StagedValue> staged;                      // published by this transaction
  struct Publication {
    std::string space;
    std::string channel;
    std::string payload;
  };
  std::vector<Publication> publications;        // after the commit
  std::chrono::steady_clock::time_point ended;  // the command before; the epoch: there was none
  std::optional<std::string> flushed;           // the tenant, where databases were emptied
  std::optional<Error> failure;                 // of a store operation that may have written in part
};

/// One command being executed. Handlers decide before they write: what they refuse leaves nothing behind; what the
/// store refuses after they began is told by fail(), which drops the command's transaction.
class Call {
 public:
  Call(Service& the_service, Client& the_client, Scope& the_scope, const CommandSpec& the_spec, Args the_args,
       std::string& out)
      : service(the_service),
        client(the_client),
        scope(the_scope),
        spec(the_spec),
        args(the_args),
        reply(out, the_client.protocol) {}

  Service& service;
  Client& client;
  Scope& scope;
  const CommandSpec& spec;
  const Args args;  // args[0] is the command's name
  Reply reply;

  const ReadTxn& txn() const { return *scope.reader; }
  WriteTxn& writer() { return *scope.writer; }
  uint64_t now_ms() const { return scope.reader->now_ms(); }

  /// The collection of a database; 0 where there is none yet.
  DirId collection(uint32_t database) const;
  DirId collection() const { return collection(client.database); }
  Result<DirId> make_collection(uint32_t database);

  /// The live value of a key; keys that cannot exist are absent.
  std::optional<Entry> find(std::string_view key) const { return find(client.database, key); }
  std::optional<Entry> find(uint32_t database, std::string_view key) const;
  /// Counts the lookup as a hit or a miss, of which an event tells. Commands that only read need not call it.
  void looked_up(std::string_view key, bool hit) const { looked_up(client.database, key, hit); }
  /// Whether the command, as in Redis, does not count as a use of the keys it finds.
  bool only_looks() const;
  /// Likewise; false where it is of another type: WRONGTYPE has been replied.
  bool find_bytes(std::string_view key, std::optional<Entry>& entry);
  bool find_set(std::string_view key, std::optional<Entry>& entry);

  /// The whole value, for reading it and writing another. nullopt: an error has been replied.
  std::optional<std::string> read(const Entry& entry);
  void reply_value(const Entry& entry);

  /// False: an error has been replied.
  bool put(std::string_view key, std::string_view value, const PutOptions& options = {});
  /// Lays `bytes` over the value from `offset` on; only what they touch is written.
  bool patch(std::string_view key, const std::optional<Entry>& entry, uint64_t offset, std::string_view bytes);
  /// Adds to a set or removes from it; the key comes and goes with its members. nullopt: an error has been replied.
  std::optional<SetOutcome> change_set(std::string_view key, Args members, bool add);
  /// True where there was something to remove.
  bool remove(std::string_view key);
  bool set_expiry(std::string_view key, uint64_t expires_ms);

  /// Replies the store's error; in a writing transaction, drops what the command wrote.
  void fail(const Error& error);
  void wrong_type();
  void syntax_error();
  void not_an_integer();
  void wrong_arity();
  /// Of a subcommand that takes no more than it was given.
  void wrong_subcommand_arity();
  /// What keyspace events call this change; static storage.
  void event(std::string_view name);

 private:
  std::optional<Entry> find_uncounted(uint32_t database, std::string_view key) const;
  void looked_up(uint32_t database, std::string_view key, bool hit) const;
};

/// Options of a PutOptions that changes a value and keeps everything else of it.
PutOptions keep_all(const std::optional<Entry>& entry);

}  // namespace kvfs::resp
