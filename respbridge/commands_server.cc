// Commands on the server: what it is, how it is set, what it stores.
#include <fmt/format.h>

#include <chrono>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/info.h"
#include "respbridge/memory_config.h"
#include "respbridge/notifier.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"
#include "respbridge/value_encoding.h"

namespace kvfs::resp::commands {

namespace {

constexpr size_t kClearedAtOnceMax = 10'000;  // keys removed by one transaction of FLUSHDB outside of EXEC

/// What FLUSHDB and FLUSHALL have yet to empty.
struct Flush {
  Service& service;
  std::string tenant;
  uint64_t client;
  uint32_t database;
  uint32_t last;
  Sequence awaits_sync;  // the last write that waits for the disk; 0: none

  /// Goes on until all is empty (true) or as many transactions were full.
  Result<bool> go_on(size_t transactions_max) {
    const Tracking::Writing writing(client, true);
    for (; database <= last; ++database)
      while (true) {
        const Result<size_t> removed = clear_some();
        if (!removed) {
          service.tracking().flushed(tenant);  // of what has gone nobody was told
          return removed.error();
        }
        if (*removed < kClearedAtOnceMax) break;
        if (--transactions_max == 0) return false;
      }
    service.tracking().flushed(tenant);
    return true;
  }

  Result<size_t> clear_some() {
    Store& store = service.store();
    return store.write(
        [&](WriteTxn& txn) -> Result<size_t> {
          const Result<DirId> top = find_tenant(txn, tenant);
          if (!top) return size_t{0};
          const Result<DirId> dir = find_collection(txn, *top, service.collection_name(database));
          if (!dir) return size_t{0};
          txn.name_event(kFlushEvent);
          return clear_collection(txn, *dir, kClearedAtOnceMax);
        },
        service.write_options(awaits_sync));
  }
};

/// In EXEC by its transaction.
void flush_within(Call& call, uint32_t first, uint32_t last) {
  call.event(kFlushEvent);
  for (uint32_t database = first; database <= last; ++database) {
    const DirId dir = call.collection(database);
    if (dir == 0) continue;
    if (const Result<size_t> done = clear_collection(call.writer(), dir, SIZE_MAX); !done)
      return call.fail(done.error());
  }
  call.scope.flushed = call.client.identity.tenant;
  call.reply.ok();
}

/// Small databases at once; large ones by another thread, so that other clients go on.
void flush(Call& call, uint32_t first, uint32_t last) {
  if (call.scope.writer != nullptr) return flush_within(call, first, last);
  Flush flush{call.service, call.client.identity.tenant, call.client.card->id, first, last, 0};
  const Result<bool> done = flush.go_on(1);
  call.client.awaits_sync = std::max(call.client.awaits_sync, flush.awaits_sync);
  if (!done) return call.fail(done.error());
  if (*done) return call.reply.ok();
  call.client.job = [flush]() mutable -> Result<void> {
    const Result<bool> all = flush.go_on(SIZE_MAX);
    if (!all) return all.error();
    return flush.awaits_sync != 0 ? flush.service.store().sync() : Result<void>();
  };
}

bool is_flush_mode(Call& call) {
  if (call.args.size() == 1) return true;
  if (call.args.size() == 2 &&
      (equals_ignoring_case(call.args[1], "async") || equals_ignoring_case(call.args[1], "sync")))
    return true;
  call.syntax_error();
  return false;
}

/// The entry that OBJECT and MEMORY USAGE ask for; nullopt: null has been replied.
std::optional<Entry> find_object(Call& call) {
  std::optional<Entry> entry = call.find(call.args[2]);
  if (!entry) call.reply.null();
  return entry;
}

}  // namespace

void info(Call& call) {
  std::set<std::string, std::less<>> sections;
  for (const std::string_view section : call.args.subspan(1)) sections.insert(lower_case(section));
  call.reply.verbatim(info_text(call, sections));
}

void flushdb(Call& call) {
  if (is_flush_mode(call)) flush(call, call.client.database, call.client.database);
}

void flushall(Call& call) {
  if (is_flush_mode(call)) flush(call, 0, static_cast<uint32_t>(call.service.options().databases - 1));
}

void time(Call& call) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  call.reply.array(2);
  call.reply.bulk(std::to_string(us / 1'000'000));
  call.reply.bulk(std::to_string(us % 1'000'000));
}

void role(Call& call) {
  call.reply.array(3);
  call.reply.bulk("master");
  call.reply.integer(0);
  call.reply.array(0);
}

void lastsave(Call& call) { call.reply.integer(static_cast<int64_t>(call.service.last_save_s())); }

void save(Call& call) {
  if (call.scope.in_exec) return call.reply.error("ERR Command not allowed inside a transaction");
  call.client.job = [&service = call.service] { return service.save(); };
}

void bgsave(Call& call) {
  const bool scheduled = call.args.size() == 2 && equals_ignoring_case(call.args[1], "schedule");
  if (call.args.size() > 1 && !scheduled) return call.syntax_error();
  call.service.save_in_background();
  const std::string_view what =
      call.spec.name == "bgsave" ? "Background saving" : "Background append only file rewriting";
  call.reply.status(fmt::format("{} {}", what, call.scope.in_exec ? "scheduled" : "started"));
}

/// The reply waits until everything acknowledged before is durable.
void await_all(Call& call) { call.client.awaits_sync = call.service.store().last_commit(); }

/// There are no replicas to wait for.
void wait(Call& call) {
  if (!parse_integer(call.args[1])) return call.not_an_integer();
  const std::optional<int64_t> timeout_ms = parse_integer(call.args[2]);
  if (!timeout_ms) return call.reply.error("ERR timeout is not an integer or out of range");
  if (*timeout_ms < 0) return call.reply.error("ERR timeout is negative");
  if (!call.scope.in_exec) await_all(call);
  call.reply.integer(0);
}

void waitaof(Call& call) {
  const std::optional<int64_t> local = parse_integer(call.args[1]);
  if (!local || !parse_integer(call.args[2]) || !parse_integer(call.args[3])) return call.not_an_integer();
  if (*local < 0 || *local > 1) return call.reply.error("ERR value is out of range, must be between 0 and 1");
  if (!call.scope.in_exec) await_all(call);
  call.reply.array(2);
  call.reply.integer(call.scope.in_exec ? 0 : 1);
  call.reply.integer(0);
}

void replicaof(Call& call) {
  if (equals_ignoring_case(call.args[1], "no") && equals_ignoring_case(call.args[2], "one")) return call.reply.ok();
  call.reply.error("ERR this server replicates by its own means, not by Redis's protocol");
}

void shutdown(Call& call) {
  bool save = false, nosave = false, now = false, abort = false;
  OptionsReader words(call.args, 1);
  while (!words.at_end()) {
    if (words.take("save"))
      save = true;
    else if (words.take("nosave"))
      nosave = true;
    else if (words.take("now") || words.take("force"))
      now = true;
    else if (words.take("abort"))
      abort = true;
    else
      return call.syntax_error();
  }
  if ((save && nosave) || (abort && (save || nosave || now))) return call.syntax_error();
  if (abort) return call.reply.error("ERR No shutdown in progress.");  // it waits for nothing that could be called off
  if (!call.service.options().enable_shutdown || !call.service.hooks().shutdown)
    return call.reply.error("ERR SHUTDOWN is not enabled: set enable_shutdown in section [resp]");
  call.client.closing = true;
  call.service.hooks().shutdown();
}

void monitor(Call& call) {
  if (!call.client.monitor) call.service.clients().add_monitor(call.client.identity.tenant, call.client.outbox);
  call.client.monitor = true;
  const std::lock_guard lock(call.client.card->mutex);
  call.client.card->monitor = true;
  call.reply.ok();
}

void config_get(Call& call) {
  const std::vector<std::string_view> patterns(call.args.begin() + 2, call.args.end());
  const auto found = effective_config(call, patterns);
  call.reply.map(found.size());
  for (const auto& [name, value] : found) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

void config_set(Call& call) {
  if (call.args.size() % 2 != 0) return call.syntax_error();
  std::vector<std::pair<std::string_view, std::string_view>> values;
  for (size_t i = 2; i < call.args.size(); i += 2) values.emplace_back(call.args[i], call.args[i + 1]);
  const Result<void> done = configure(call, values);
  if (!done) return call.reply.error(done.error().detail);
  call.reply.ok();
}

void config_resetstat(Call& call) {
  call.service.statistics().reset();
  call.service.command_statistics().reset();
  call.reply.ok();
}

void config_rewrite(Call& call) { call.reply.error("ERR The server is running without a config file"); }

void object_encoding(Call& call) {
  const std::optional<Entry> entry = find_object(call);
  if (!entry) return;
  call.reply.bulk(value_encoding(call, *entry));
}

void object_freq(Call& call) {
  const std::optional<Entry> entry = find_object(call);
  if (!entry) return;
  if (!is_lfu(eviction_policy(call)))
    return call.reply.error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
        "between policies at runtime LRU and LFU data will take some time to adjust.");
  const auto use = use_of(call, call.args[2]);
  call.reply.integer(use ? AccessHistory::decayed(use->frequency, use->last_ms, call.now_ms()) : kFrequencyOfNewKeys);
}

void object_idletime(Call& call) {
  const std::optional<Entry> entry = find_object(call);
  if (!entry) return;
  if (is_lfu(eviction_policy(call)))
    return call.reply.error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between "
        "policies at runtime LRU and LFU data will take some time to adjust.");
  note_uses(call);
  const auto use = use_of(call, call.args[2]);
  const uint64_t changed_ms = static_cast<uint64_t>(std::max(entry->atime_ns, entry->mtime_ns)) / 1'000'000;
  const uint64_t used_ms = use ? use->last_ms : changed_ms;
  call.reply.integer(call.now_ms() > used_ms ? static_cast<int64_t>((call.now_ms() - used_ms) / 1000) : 0);
}

void object_refcount(Call& call) {
  if (find_object(call)) call.reply.integer(1);
}

void slowlog_get(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  size_t count = 10;
  if (call.args.size() > 2) {
    const std::optional<int64_t> wanted = parse_integer(call.args[2]);
    if (!wanted || *wanted < -1) return call.reply.error("ERR count should be greater than or equal to -1");
    count = *wanted < 0 ? SIZE_MAX : static_cast<size_t>(*wanted);
  }
  const auto records = call.service.slowlog().of(call.client.identity.tenant, count);
  call.reply.array(records.size());
  for (const Slowlog::Record& record : records) {
    call.reply.array(6);
    call.reply.integer(static_cast<int64_t>(record.id));
    call.reply.integer(static_cast<int64_t>(record.at_s));
    call.reply.integer(static_cast<int64_t>(record.took_us));
    call.reply.array(record.args.size());
    for (const std::string& arg : record.args) call.reply.bulk(arg);
    call.reply.bulk(record.address);
    call.reply.bulk(record.client_name);
  }
}

void slowlog_len(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.service.slowlog().length(call.client.identity.tenant)));
}

void slowlog_reset(Call& call) {
  call.service.slowlog().reset(call.client.identity.tenant);
  call.reply.ok();
}

/// Art is left to Redis.
void lolwut(Call& call) {
  OptionsReader words(call.args, 1);
  if (const auto version = words.take_value("version"); version && !parse_integer(*version))
    return call.not_an_integer();
  call.reply.verbatim(fmt::format("kvfs {}, as Redis ver. {}\n", call.service.hooks().version, kRedisVersion));
}

}  // namespace kvfs::resp::commands
