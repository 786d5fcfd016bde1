#include "respbridge/executor.h"

#include <chrono>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/memory_config.h"
#include "respbridge/monitor_line.h"
#include "respbridge/numbers.h"
#include "respbridge/watching.h"
#include "store/prefetch.h"

namespace kvfs::resp {

namespace {

bool is_shared(const CommandSpec& spec) { return (spec.flags & (kReads | kWrites)) != 0 && (spec.flags & kAlone) == 0; }

std::string unknown_command(Args args) {
  constexpr size_t kNameBytesMax = 128;
  std::string text =
      "ERR unknown command '" + std::string(args[0].substr(0, kNameBytesMax)) + "', with args beginning with: ";
  size_t shown = 0;
  for (size_t i = 1; i < args.size() && shown < kNameBytesMax; ++i) {
    const std::string_view part = args[i].substr(0, kNameBytesMax - shown);
    text.append("'").append(part).append("' ");
    shown += part.size() + 3;
  }
  return text;
}

std::string planned_command(std::string_view name) {
  return "ERR unknown command '" + std::string(name) +
         "': kvfs has no hashes, lists, sorted sets, streams and scripts yet";
}

/// As Redis does, for the same reason: the page of a browser can make it send such lines to a door on this machine,
/// with commands in the body that follows.
bool speaks_http(Args args) { return equals_ignoring_case(args[0], "post") || equals_ignoring_case(args[0], "host:"); }

/// A reply in the place of what a command wrote.
void replace(std::string& out, size_t mark, std::string_view error) {
  out.resize(mark);
  Reply(out, 2).error(error);
}

void tell_monitors(Service& service, const Client& client, const CommandSpec& spec, Args args) {
  if (service.clients().monitored() && is_monitored(spec))
    service.clients().tell_monitors(client.identity.tenant, monitor_line(client, args, service.store().now_ms()));
}

/// Whether the command's replies are messages, which CLIENT REPLY does not hold back.
bool replies_by_push(const CommandSpec& spec) {
  constexpr uint32_t kBoth = kPubsub | kSubscribed;
  return (spec.flags & kBoth) == kBoth;
}

/// Reads every queued command's kind: what transaction EXEC needs.
uint32_t flags_of(const std::vector<QueuedCommand>& queue) {
  uint32_t flags = 0;
  for (const QueuedCommand& command : queue) flags |= command.spec->flags;
  return flags;
}

/// Counts EXEC, which does not run as other commands do.
class CommandTimer {
 public:
  CommandTimer(Service& service, const Client& client, const CommandSpec& spec) : service_(service), spec_(spec) {
    client.card->last_command.store(&spec, std::memory_order_relaxed);
  }
  ~CommandTimer() {
    const auto took = std::chrono::steady_clock::now() - begin_;
    service_.command_statistics().latency_of(spec_).record(
        static_cast<uint64_t>(std::chrono::nanoseconds(took).count()));
    service_.statistics().commands.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  Service& service_;
  const CommandSpec& spec_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

size_t Executor::run(Client& client, std::span<const Args> commands, std::string& out) {
  size_t done = 0;
  const size_t start = out.size();
  client.held_until_ms = 0;
  const Tracking::Writing writing(client.tracking && client.tracking->no_loop ? client.card->id : 0);
  while (done < commands.size() && !client.closing && !client.job &&
         out.size() - start < service_.options().reply_bytes_soft) {
    if (service_.pauses().any() && waits(client, commands[done])) break;
    done += run_some(client, commands.subspan(done), out);
  }
  return done;
}

/// Whether CLIENT PAUSE holds the command back.
bool Executor::waits(Client& client, Args args) const {
  const Plan planned = plan(client, args);
  if (planned.spec == nullptr || planned.spec->name == "client|unpause") return false;
  uint32_t flags = planned.spec->flags;
  if (planned.spec->name == "exec") flags |= flags_of(client.queue);
  const bool writes = !planned.queue && ((flags & (kWrites | kOwn | kBlindWrite)) != 0 ||
                                         planned.spec->name == "publish" || planned.spec->name == "spublish");
  client.held_until_ms = service_.pauses().held_until_ms(client.identity.tenant, writes, service_.store().now_ms());
  return client.held_until_ms != 0;
}

/// What of the commands' keys CLIENT TRACKING wants to be remembered. Called before the snapshot they read, so that no
/// change is missed.
void Executor::remember_keys(Client& client, std::span<const CommandSpec* const> specs,
                             std::span<const Args> commands) {
  if (!client.tracking || client.tracking->broadcast) return;
  for (size_t i = 0; i < specs.size(); ++i) {
    remember_keys(client, *specs[i], commands[i]);
    client.caching = false;
  }
}

void Executor::remember_keys(Client& client, const CommandSpec& spec, Args args) {
  const TrackingOptions& tracking = *client.tracking;
  if ((spec.flags & kReads) == 0 || (spec.flags & kAlone) != 0 || (tracking.opt_in && !client.caching) ||
      (tracking.opt_out && client.caching))
    return;
  const std::optional<std::vector<size_t>> positions = key_positions(spec, args);
  if (!positions) return;
  for (const size_t at : *positions)
    service_.tracking().remember(client.card->id, args[at], service_.config().tracked_keys_max());
}

Executor::Plan Executor::plan(const Client& client, Args args) const {
  const CommandSpec* spec = find_command(args[0]);
  if (spec == nullptr) {
    if (!client.authenticated) return Plan::refusing("NOAUTH Authentication required.");
    if (is_planned_command(args[0])) return Plan::refusing(planned_command(args[0]));
    return Plan::refusing(unknown_command(args));
  }
  if ((spec->flags & kContainer) != 0 && args.size() >= 2) {
    const CommandSpec* sub = find_subcommand(spec->name, args[1]);
    if (sub == nullptr && client.authenticated &&
        is_planned_command(std::string(spec->name) + "|" + std::string(args[1])))
      return Plan::refusing(planned_command(upper_case(spec->name) + " " + std::string(args[1].substr(0, 128))));
    if (sub == nullptr && (client.authenticated || (spec->flags & kNoAuth) != 0))
      return Plan::refusing("ERR unknown subcommand '" + std::string(args[1].substr(0, 128)) + "'. Try " +
                            upper_case(spec->name) + " HELP.");
    if (sub != nullptr) spec = sub;
  }
  if (!arity_fits(*spec, args.size()))
    return Plan::refusing("ERR wrong number of arguments for '" + std::string(spec->name) + "' command", spec);
  if (!client.authenticated && (spec->flags & kNoAuth) == 0)
    return Plan::refusing("NOAUTH Authentication required.", spec);
  if (!may_run(client.identity, *spec))
    return Plan::refusing("NOPERM this user has no permissions to run the '" + std::string(spec->name) + "' command",
                          spec);
  if (client.protocol < 3 && client.subscriptions() > 0 && (spec->flags & kSubscribed) == 0)
    return Plan::refusing(
        "ERR Can't execute '" + std::string(spec->name) +
            "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        spec);
  if (client.in_transaction && (spec->flags & kInQueue) == 0) {
    if ((spec->flags & kNoMulti) != 0) return Plan::refusing("ERR Command not allowed inside a transaction", spec);
    return {spec, {}, true, nullptr};
  }
  return {spec, {}, false, nullptr};
}

size_t Executor::run_some(Client& client, std::span<const Args> commands, std::string& out) {
  const Args args = commands[0];
  Plan first = plan(client, args);
  if (first.spec == nullptr) {
    if (speaks_http(args))
      client.closing = true;
    else
      refuse(client, first, out);
    return 1;
  }
  if (first.queue) {
    enqueue(client, *first.spec, args, out);
    return 1;
  }
  if (first.spec->name == "exec") {
    exec(client, *first.spec, args, out);
    return 1;
  }
  if ((first.spec->flags & kWrites) != 0) return run_writes(client, commands, *first.spec, out);
  if ((first.spec->flags & kReads) != 0) return run_reads(client, commands, *first.spec, out);
  Scope scope;
  run_one(client, scope, *first.spec, args, out);
  if (!client.in_transaction && !first.spec->name.starts_with("client|")) client.caching = false;
  return 1;
}

namespace {

/// Appends the keys that commands name in places of their own.
void add_keys(std::span<const CommandSpec* const> specs, std::span<const Args> commands,
              std::vector<std::string_view>& keys) {
  constexpr size_t kKeysMax = 256;  // the memory of more would push each other out of the caches
  for (size_t i = 0; i < specs.size() && keys.size() < kKeysMax; ++i) {
    const CommandSpec& spec = *specs[i];
    if (spec.first_key == 0) continue;
    const auto count = static_cast<int>(commands[i].size());
    const int last = std::min(spec.last_key < 0 ? count + spec.last_key : spec.last_key, count - 1);
    for (int at = spec.first_key; at <= last; at += spec.key_step) keys.push_back(commands[i][static_cast<size_t>(at)]);
  }
}

}  // namespace

/// A key costs mostly the waiting for the memory it lies in: that of all keys of a pipeline is fetched at once.
void Executor::prefetch_keys(Client& client, Scope& scope, std::span<const CommandSpec* const> specs,
                             std::span<const Args> commands) {
  keys_.clear();
  add_keys(specs, commands, keys_);
  fetch(client, scope, *specs[0], commands[0], keys_);
}

void Executor::fetch(Client& client, Scope& scope, const CommandSpec& spec, Args args,
                     std::span<const std::string_view> keys) {
  if (keys.size() < 2) return;
  std::string none;
  const Call call(service_, client, scope, spec, args, none);
  if (const DirId dir = call.collection(); dir != 0) prefetch(*scope.reader, dir, keys);
}

void Executor::add_gathered_keys(std::span<const Args> commands, std::vector<std::string_view>& keys) const {
  add_keys(gathered_, commands, keys);
}

void Executor::fetch_gathered(WriteTxn& txn, Client& client, std::span<const Args> commands,
                              std::span<const std::string_view> keys) {
  Scope scope;
  scope.reader = scope.writer = &txn;
  fetch(client, scope, *gathered_[0], commands[0], keys);
}

std::span<const CommandSpec* const> Executor::plan_shared(const Client& client, std::span<const Args> commands,
                                                          const CommandSpec& first) {
  planned_.assign(1, &first);
  if (!is_shared(first)) return planned_;
  const bool writes = (first.flags & kWrites) != 0;
  while (planned_.size() < commands.size()) {
    const CommandSpec* spec = plan(client, commands[planned_.size()]).spec;
    if (spec == nullptr || !is_shared(*spec) || (!writes && (spec->flags & kWrites) != 0)) break;
    planned_.push_back(spec);
  }
  return planned_;
}

size_t Executor::run_reads(Client& client, std::span<const Args> commands, const CommandSpec& first, std::string& out) {
  const size_t start = out.size();
  const std::span<const CommandSpec* const> specs = plan_shared(client, commands, first);
  remember_keys(client, specs, commands);
  return service_.store().read([&](const ReadTxn& txn) {
    Scope scope;
    scope.reader = &txn;
    prefetch_keys(client, scope, specs, commands);
    size_t done = 0;
    do {
      run_one(client, scope, *specs[done], commands[done], out);
      ++done;
    } while (done < specs.size() && out.size() - start < service_.options().reply_bytes_soft);
    return done;
  });
}

size_t Executor::run_writes(Client& client, std::span<const Args> commands, const CommandSpec& first,
                            std::string& out) {
  const size_t start = out.size();
  const std::span<const CommandSpec* const> specs = plan_shared(client, commands, first);
  remember_keys(client, specs, commands);
  if (specs.size() == 1) {
    write_one(client, first, commands[0], out);
    return 1;
  }
  Scope scope;
  size_t done = 0;
  const Client::Replies replies = client.replies;
  const LatencyTimer timer(&service_.transaction_latency());
  const Result<void> committed_all = service_.store().write(
      [&](WriteTxn& txn) -> Result<void> {
        out.resize(start);
        client.replies = replies;
        scope = Scope{};
        scope.reader = scope.writer = &txn;
        prefetch_keys(client, scope, specs, commands);
        for (done = 0; done < specs.size(); ++done) {
          if (out.size() - start >= service_.options().reply_bytes_soft) break;
          run_one(client, scope, *specs[done], commands[done], out);
          if (scope.failure) return *scope.failure;
        }
        return {};
      },
      service_.write_options(client.awaits_sync));
  if (committed_all) {
    committed(scope);
    return done;
  }
  // One of them failed after it began to write, or the commit did: each runs alone, so that it harms no other.
  out.resize(start);
  client.replies = replies;
  write_one(client, first, commands[0], out);
  return 1;
}

bool Executor::gathers(const Client& client, std::span<const Args> commands) {
  if (client.in_transaction || client.closing || client.replies != Client::Replies::on || client.tracking ||
      service_.pauses().any())
    return false;
  gathered_.clear();
  bool writes = false;
  for (const Args& args : commands) {
    const CommandSpec* spec = plan(client, args).spec;
    if (spec == nullptr || !is_shared(*spec)) return false;
    writes |= (spec->flags & kWrites) != 0;
    gathered_.push_back(spec);
  }
  return writes;
}

Result<size_t> Executor::run_within(WriteTxn& txn, Client& client, std::span<const Args> commands,
                                    const Executor* before, std::string& out) {
  const size_t start = out.size();
  gathered_scope_ = Scope{};
  if (before != nullptr) {
    gathered_scope_.tenant = before->gathered_scope_.tenant;
    gathered_scope_.collections = before->gathered_scope_.collections;
  }
  gathered_scope_.reader = gathered_scope_.writer = &txn;
  size_t done = 0;
  for (; done < commands.size(); ++done) {
    if (out.size() - start >= service_.options().reply_bytes_soft) break;
    run_one(client, gathered_scope_, *gathered_[done], commands[done], out);
    if (gathered_scope_.failure) return *gathered_scope_.failure;
  }
  return done;
}

void Executor::write_one(Client& client, const CommandSpec& spec, Args args, std::string& out) {
  const size_t mark = out.size();
  const Client::Replies replies = client.replies;
  Scope scope;
  const LatencyTimer timer(&service_.transaction_latency());
  const Result<void> done = service_.store().write(
      [&](WriteTxn& txn) -> Result<void> {
        out.resize(mark);
        client.replies = replies;
        scope = Scope{};
        scope.reader = scope.writer = &txn;
        const CommandSpec* const one = &spec;
        prefetch_keys(client, scope, {&one, 1}, {&args, 1});
        run_one(client, scope, spec, args, out);
        if (scope.failure) return *scope.failure;
        return {};
      },
      service_.write_options(client.awaits_sync));
  if (done) return committed(scope);
  service_.command_statistics().failed(spec, error_text(done.error()));
  if (replies == Client::Replies::on) replace(out, mark, error_text(done.error()));
}

void Executor::committed(Scope& scope) {
  for (StagedValue& staged : scope.staged) staged.published();
  for (const Scope::Publication& each : scope.publications)
    service_.store().channels().publish(each.space, each.channel, each.payload);
  if (scope.flushed) service_.tracking().flushed(*scope.flushed);
}

void Executor::run_one(Client& client, Scope& scope, const CommandSpec& spec, Args args, std::string& out) {
  const size_t mark = out.size();
  client.card->last_command.store(&spec, std::memory_order_relaxed);
  const bool first = scope.ended == decltype(scope.ended){};
  const auto begin = first ? std::chrono::steady_clock::now() : scope.ended;
  {
    Call call(service_, client, scope, spec, args, out);
    if (scope.writer != nullptr) call.event(spec.name);
    spec.run(call);
  }
  scope.ended = std::chrono::steady_clock::now();
  tell_monitors(service_, client, spec, args);
  const auto took = scope.ended - begin;
  service_.command_statistics().latency_of(spec).record(static_cast<uint64_t>(std::chrono::nanoseconds(took).count()));
  if (out.size() > mark && out[mark] == '-')
    service_.command_statistics().failed(spec, std::string_view(out).substr(mark));
  const auto took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const uint64_t spike_ms = service_.config().latency_threshold_ms();
  if (spike_ms != 0 && took_us >= static_cast<int64_t>(spike_ms) * 1000)
    service_.latency_events().add((spec.flags & kFast) != 0 ? "fast-command" : "command",
                                  service_.store().now_ms() / 1000, static_cast<uint64_t>(took_us) / 1000);
  const int64_t slower_than_us = service_.config().slower_than_us();  // as the command itself may have set it
  if (slower_than_us >= 0 && took_us >= slower_than_us)
    service_.slowlog().add(args, service_.store().now_ms() / 1000, static_cast<uint64_t>(took_us), client,
                           service_.config().slowlog_entries_max());
  service_.statistics().commands.fetch_add(1, std::memory_order_relaxed);
  if (client.replies == Client::Replies::on) return;
  client.job_is_silent = client.job != nullptr;
  if (!replies_by_push(spec) || (out.size() > mark && out[mark] == '-')) out.resize(mark);
  if (client.replies == Client::Replies::skip_this)
    client.replies = Client::Replies::on;
  else if (client.replies == Client::Replies::skip_next)
    client.replies = Client::Replies::skip_this;
}

void Executor::reply_job(Client& client, const Result<void>& done, std::string& out) {
  if (std::exchange(client.job_is_silent, false)) return;
  Reply reply(out, client.protocol);
  if (done)
    reply.ok();
  else
    reply.error(error_text(done.error()));
}

void Executor::refuse(Client& client, const Plan& plan, std::string& out) {
  if (client.in_transaction) client.transaction_failed = true;
  service_.command_statistics().rejected(plan.refused, plan.refusal);
  if (plan.refusal.starts_with("NOPERM"))
    service_.acl_log().refused_command(client, plan.refused->name, false, service_.store().now_ms());
  std::string text = plan.refusal;
  if (plan.refused != nullptr && plan.refused->name == "exec") {
    commands::discard_transaction(client);
    text = "EXECABORT Transaction discarded because of: " + text.substr(text.find(' ') + 1);
  }
  if (client.replies == Client::Replies::skip_this)
    client.replies = Client::Replies::on;
  else if (client.replies == Client::Replies::on)
    Reply(out, client.protocol).error(text);
}

void Executor::enqueue(Client& client, const CommandSpec& spec, Args args, std::string& out) {
  QueuedCommand command{&spec, {args.begin(), args.end()}, {}};
  command.args.assign(command.storage.begin(), command.storage.end());
  for (const std::string& arg : command.storage) client.queue_bytes += arg.size();
  if (client.queue.size() >= service_.options().transaction_commands_max ||
      client.queue_bytes > service_.options().transaction_bytes_max) {
    const std::string refusal = "ERR a transaction has at most " +
                                std::to_string(service_.options().transaction_commands_max) + " commands and " +
                                std::to_string(service_.options().transaction_bytes_max) + " bytes";
    return refuse(client, Plan::refusing(refusal, &spec), out);
  }
  if (lacks_memory(service_, client, spec, command.args))
    return refuse(client, Plan::refusing(std::string(kOutOfMemory), &spec), out);
  client.queue.push_back(std::move(command));  // moves the vectors, not the strings that the views point into
  Reply(out, client.protocol).status("QUEUED");
}

Result<void> Executor::exec_queue(Client& client, Scope& scope, std::string& out, bool& aborted) {
  aborted = false;
  for (const WatchedKey& watched : client.watched)
    aborted |= was_touched(*scope.reader, service_.store().feed(), watched);
  if (aborted) return {};
  Reply(out, client.protocol).array(client.queue.size());
  for (const QueuedCommand& command : client.queue) {
    if (!may_run(client.identity, *command.spec)) {  // an AUTH within the transaction
      constexpr std::string_view kNoLonger =
          "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This "
          "command "
          "is no longer allowed for the following reason: no permission to execute the command or subcommand";
      service_.command_statistics().rejected(command.spec, kNoLonger);
      service_.acl_log().refused_command(client, command.spec->name, true, service_.store().now_ms());
      Reply(out, client.protocol).error(kNoLonger);
      continue;
    }
    run_one(client, scope, *command.spec, command.args, out);
    if (scope.failure) return *scope.failure;
  }
  return {};
}

void Executor::exec(Client& client, const CommandSpec& spec, Args args, std::string& out) {
  const size_t mark = out.size();
  Scope scope;
  if (!client.in_transaction || client.transaction_failed) {
    run_one(client, scope, spec, args, out);  // replies the refusal
    return;
  }
  for (const QueuedCommand& command : client.queue)
    if (lacks_memory(service_, client, *command.spec, command.args)) {
      service_.command_statistics().rejected(&spec, "EXECABORT");
      commands::discard_transaction(client);
      tell_monitors(service_, client, spec, args);
      return replace(out, mark, "EXECABORT Transaction discarded because of: " + std::string(kOutOfMemory));
    }
  const CommandTimer timer(service_, client, spec);
  const uint32_t flags = flags_of(client.queue);
  const bool flushes = (flags & kOwn) != 0;
  const uint32_t database = client.database;
  const int protocol = client.protocol;
  const Identity identity = client.identity;
  bool aborted = false;
  Result<void> done;
  client.in_transaction = false;
  if (client.tracking && !client.tracking->broadcast)
    for (const QueuedCommand& command : client.queue) remember_keys(client, *command.spec, command.args);
  client.caching = false;
  // What SELECT, HELLO and AUTH within the transaction change goes with it.
  const auto restore = [&] {
    if (client.database != database) commands::set_database(client, database);
    if (client.protocol != protocol) commands::set_protocol(client, protocol);
    if (client.identity.name != identity.name) commands::set_identity(client, identity);
  };
  const auto begin = [&](const ReadTxn* reader, WriteTxn* writer) {
    out.resize(mark);
    restore();
    scope = Scope{};
    scope.reader = reader;
    scope.writer = writer;
    scope.in_exec = true;
  };
  // Those who track keys are told of a flush once, which stands for everything else that changes with it.
  std::optional<Tracking::Writing> flushing;
  if (flushes) flushing.emplace(client.card->id, true);
  if ((flags & (kWrites | kOwn)) != 0)
    done = service_.store().write(
        [&](WriteTxn& txn) {
          begin(&txn, &txn);
          return exec_queue(client, scope, out, aborted);
        },
        service_.write_options(client.awaits_sync));
  else
    done = service_.store().read([&](const ReadTxn& txn) {
      begin(&txn, nullptr);
      return exec_queue(client, scope, out, aborted);
    });
  client.queue.clear();
  client.queue_bytes = 0;
  client.watched.clear();
  if (!done) {
    restore();
    replace(out, mark, "EXECABORT Transaction discarded because of: " + error_text(done.error()));
  } else if (aborted) {
    out.resize(mark);
    Reply(out, client.protocol).null_array();
  } else {
    if (flushes) scope.flushed = client.identity.tenant;
    committed(scope);
  }
  tell_monitors(service_, client, spec, args);
}

}  // namespace kvfs::resp
