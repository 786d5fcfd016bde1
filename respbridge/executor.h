// Runs the commands of one connection, in order: which of them share a transaction, what MULTI queues, what a client
// may do. Knows no socket.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "respbridge/command.h"
#include "respbridge/service.h"

namespace kvfs::resp {

/// Neighbouring commands of a pipeline share a transaction: a run of reads one snapshot, a run of writes (and the reads
/// among them) one commit. Each is as atomic as it would be alone, one that is refused leaves the others alone, and no
/// reply is given before the commit.
/// Used by one thread at a time.
class Executor {
 public:
  explicit Executor(Service& service) : service_(service) {}

  /// Executes commands from the first on and appends their replies to `out`. Stops early when the client is to be
  /// closed, when the replies grow beyond reply_bytes_soft, or when the next command is to wait
  /// (client.held_until_ms). Returns how many were executed.
  size_t run(Client& client, std::span<const Args> commands, std::string& out);

  /// Whether all of these commands can share a transaction with those of other clients, and one of them writes.
  bool gathers(const Client& client, std::span<const Args> commands);
  /// The keys of these commands; and of commands of all clients that share a transaction, where they work in one
  /// database: their memory is fetched at once.
  void add_gathered_keys(std::span<const Args> commands, std::vector<std::string_view>& keys) const;
  void fetch_gathered(WriteTxn& txn, Client& client, std::span<const Args> commands,
                      std::span<const std::string_view> keys);
  /// Runs the commands that gathers() was asked about last within a transaction that others run in, too; again if it
  /// runs again. `before`: one that has run within it for the same tenant, or null; what it found need not be looked
  /// for again. Returns how many were executed; an error drops the transaction.
  Result<size_t> run_within(WriteTxn& txn, Client& client, std::span<const Args> commands, const Executor* before,
                            std::string& out);
  /// The reply to the command whose job has ended.
  static void reply_job(Client& client, const Result<void>& done, std::string& out);
  /// The transaction of run_within() is committed.
  void after_commit() { committed(gathered_scope_); }
  /// It was dropped: gives back the space of what run_within() has staged.
  void after_failure() { gathered_scope_ = Scope{}; }

 private:
  struct Plan {
    const CommandSpec* spec = nullptr;  // null: `refusal` is the reply
    std::string refusal;
    bool queue = false;                    // MULTI is under way
    const CommandSpec* refused = nullptr;  // the command of `refusal`, where there is such a command

    static Plan refusing(std::string why, const CommandSpec* command = nullptr) {
      return {nullptr, std::move(why), false, command};
    }
  };
  Plan plan(const Client& client, Args args) const;
  /// The first of the commands, and those after it that share its transaction.
  std::span<const CommandSpec* const> plan_shared(const Client& client, std::span<const Args> commands,
                                                  const CommandSpec& first);
  bool waits(Client& client, Args args) const;
  void remember_keys(Client& client, std::span<const CommandSpec* const> specs, std::span<const Args> commands);
  void remember_keys(Client& client, const CommandSpec& spec, Args args);
  void fetch(Client& client, Scope& scope, const CommandSpec& spec, Args args, std::span<const std::string_view> keys);
  void prefetch_keys(Client& client, Scope& scope, std::span<const CommandSpec* const> specs,
                     std::span<const Args> commands);
  size_t run_some(Client& client, std::span<const Args> commands, std::string& out);
  size_t run_reads(Client& client, std::span<const Args> commands, const CommandSpec& first, std::string& out);
  size_t run_writes(Client& client, std::span<const Args> commands, const CommandSpec& first, std::string& out);
  void write_one(Client& client, const CommandSpec& spec, Args args, std::string& out);
  void run_one(Client& client, Scope& scope, const CommandSpec& spec, Args args, std::string& out);
  void refuse(Client& client, const Plan& plan, std::string& out);
  void enqueue(Client& client, const CommandSpec& spec, Args args, std::string& out);
  void exec(Client& client, const CommandSpec& spec, Args args, std::string& out);
  Result<void> exec_queue(Client& client, Scope& scope, std::string& out, bool& aborted);
  void committed(Scope& scope);

  Service& service_;
  std::vector<const CommandSpec*> planned_;   // of commands that share a transaction
  std::vector<const CommandSpec*> gathered_;  // likewise, with those of other clients
  Scope gathered_scope_;
  std::vector<std::string_view> keys_;  // of commands that are about to run
};

}  // namespace kvfs::resp
