// Commands on keys whatever their type: existence, names, walks over all keys.
#include <algorithm>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/memory_config.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/random_keys.h"
#include "respbridge/service.h"
#include "store/glob.h"

namespace kvfs::resp::commands {

namespace {

std::string_view type_name(ValueType type) { return type == ValueType::set ? "set" : "string"; }

/// A database number in an argument; nullopt: the error has been replied.
std::optional<uint32_t> database_argument(Call& call, std::string_view text) {
  const std::optional<int64_t> number = parse_integer(text);
  if (!number) {
    call.not_an_integer();
    return std::nullopt;
  }
  if (*number != static_cast<int32_t>(*number)) {
    call.reply.error("ERR value is out of range, value must between -2147483648 and 2147483647");
    return std::nullopt;
  }
  if (*number < 0 || static_cast<uint64_t>(*number) >= call.service.options().databases) {
    call.reply.error(kDatabaseOutOfRange);
    return std::nullopt;
  }
  return static_cast<uint32_t>(*number);
}

/// Copies or moves a key to another name or database. True where it was done.
bool transfer(Call& call, std::string_view from, uint32_t database, std::string_view to, bool move, bool replace) {
  const Result<DirId> target = call.make_collection(database);
  if (!target) return call.fail(target.error()), false;
  const DirId source = call.collection();
  Precondition precondition;
  precondition.if_absent = !replace;
  const Result<PutOutcome> done = move ? rename_key(call.writer(), source, from, *target, to, precondition)
                                       : copy_key(call.writer(), source, from, *target, to, precondition);
  if (!done) call.fail(done.error());
  return done.has_value();
}

void rename_to(Call& call, bool replace) {
  const std::string_view from = call.args[1];
  const std::string_view to = call.args[2];
  if (!call.find(from)) return call.reply.error(kNoSuchKey);
  if (from == to) return replace ? call.reply.ok() : call.reply.integer(0);
  if (!replace && call.find(to)) return call.reply.integer(0);
  if (!transfer(call, from, call.client.database, to, true, true)) return;
  if (replace)
    call.reply.ok();
  else
    call.reply.integer(1);
}

struct ScanQuery {
  std::optional<std::string_view> match;
  std::optional<std::string> type;
  size_t count = 10;
};

bool passes(const ScanQuery& query, std::string_view key, const Entry& entry) {
  if (query.type && type_name(entry.type) != *query.type) return false;
  return !query.match || glob_matches(*query.match, key);
}

std::optional<ScanQuery> parse_scan(Call& call, size_t at) {
  ScanQuery query;
  OptionsReader words(call.args, at);
  while (!words.at_end()) {
    if (const auto match = words.take_value("match")) {
      query.match = *match;
    } else if (const auto type = words.take_value("type"); type && at == 2) {
      query.type = lower_case(*type);
    } else if (const auto count = words.take_value("count")) {
      const std::optional<int64_t> number = parse_integer(*count);
      if (!number) return call.not_an_integer(), std::nullopt;
      if (*number < 1) return call.syntax_error(), std::nullopt;
      query.count = static_cast<size_t>(*number);
    } else {
      return call.syntax_error(), std::nullopt;
    }
  }
  return query;
}

}  // namespace

void del(Call& call) {
  int64_t removed = 0;
  call.event("del");
  for (const std::string_view key : call.args.subspan(1)) removed += call.remove(key) ? 1 : 0;
  call.reply.integer(removed);
}

void exists(Call& call) {
  int64_t present = 0;
  for (const std::string_view key : call.args.subspan(1)) present += call.find(key) ? 1 : 0;
  call.reply.integer(present);
}

void touch(Call& call) {
  note_uses(call);
  exists(call);
}

void type(Call& call) {
  const std::optional<Entry> entry = call.find(call.args[1]);
  call.reply.status(entry ? type_name(entry->type) : "none");
}

void rename(Call& call) { rename_to(call, true); }
void renamenx(Call& call) { rename_to(call, false); }

void copy(Call& call) {
  bool replace = false;
  uint32_t database = call.client.database;
  OptionsReader words(call.args, 3);
  while (!words.at_end()) {
    if (words.take("replace")) {
      replace = true;
    } else if (const auto number = words.take_value("db")) {
      const std::optional<uint32_t> chosen = database_argument(call, *number);
      if (!chosen) return;
      database = *chosen;
    } else {
      return call.syntax_error();
    }
  }
  if (database == call.client.database && call.args[1] == call.args[2])
    return call.reply.error("ERR source and destination objects are the same");
  const bool present = call.find(call.args[1]).has_value();
  call.looked_up(call.args[1], present);
  if (!present) return call.reply.integer(0);
  if (!replace && call.find(database, call.args[2])) return call.reply.integer(0);
  call.event("copy_to");
  if (transfer(call, call.args[1], database, call.args[2], false, true)) call.reply.integer(1);
}

void move(Call& call) {
  const std::optional<uint32_t> database = database_argument(call, call.args[2]);
  if (!database) return;
  if (*database == call.client.database) return call.reply.error("ERR source and destination objects are the same");
  if (!call.find(call.args[1]) || call.find(*database, call.args[1])) return call.reply.integer(0);
  if (transfer(call, call.args[1], *database, call.args[1], true, true)) call.reply.integer(1);
}

void swapdb(Call& call) {
  const std::optional<int64_t> numbers[2] = {parse_integer(call.args[1]), parse_integer(call.args[2])};
  DirId tenant = 0;
  for (size_t i = 0; i < 2; ++i) {
    if (!numbers[i] || *numbers[i] != static_cast<int32_t>(*numbers[i]))
      return call.reply.error(i == 0 ? "ERR invalid first DB index" : "ERR invalid second DB index");
    if (*numbers[i] < 0 || static_cast<uint64_t>(*numbers[i]) >= call.service.options().databases)
      return call.reply.error(kDatabaseOutOfRange);
    if (const Result<DirId> made = call.make_collection(static_cast<uint32_t>(*numbers[i])); !made)
      return call.fail(made.error());
    tenant = *call.scope.tenant;
  }
  const std::string& first = call.service.collection_name(static_cast<uint32_t>(*numbers[0]));
  const std::string& second = call.service.collection_name(static_cast<uint32_t>(*numbers[1]));
  const std::string aside = "swapdb-" + std::to_string(call.writer().next_version());
  const std::pair<std::string_view, std::string_view> steps[] = {{first, aside}, {second, first}, {aside, second}};
  if (first != second)
    for (const auto& [from, to] : steps)
      if (const auto ok = kvfs::rename(call.writer(), {tenant, from, true}, {tenant, to, true}, RenameMode::no_replace);
          !ok)
        return call.fail(ok.error());
  call.scope.collections.clear();  // they have changed places
  call.reply.ok();
}

void keys(Call& call) {
  const std::string_view pattern = call.args[1];
  std::vector<std::string> found;
  if (const DirId dir = call.collection(); dir != 0) {
    ListQuery query;
    query.prefix = glob_prefix(pattern);
    query.limit = SIZE_MAX;
    list_keys(call.txn(), dir, query, [&](std::string_view key, const Entry&) {
      if (glob_matches(pattern, key)) found.emplace_back(key);
      return true;
    });
  }
  call.reply.array(found.size());
  for (const std::string& key : found) call.reply.bulk(key);
}

void scan(Call& call) {
  const std::optional<uint64_t> cursor = parse_unsigned(call.args[1]);
  if (!cursor) return call.reply.error(kInvalidCursor);
  const std::optional<ScanQuery> query = parse_scan(call, 2);
  if (!query) return;
  const std::string space = call.client.identity.tenant + "/" + call.service.collection_name(call.client.database);
  ListQuery list;
  list.limit = query->count;
  if (query->match) list.prefix = glob_prefix(*query->match);
  if (*cursor != 0) {
    list.after = call.service.cursors().find(space, *cursor);
    if (!list.after) return call.reply.error("ERR invalid cursor: it is too old, begin again with 0");
  }
  std::vector<std::string> found;
  std::optional<std::string> next;
  if (const DirId dir = call.collection(); dir != 0)
    next = list_keys(call.txn(), dir, list, [&](std::string_view key, const Entry& entry) {
      if (passes(*query, key, entry)) found.emplace_back(key);
      return true;
    });
  call.reply.array(2);
  call.reply.bulk(next ? std::to_string(call.service.cursors().remember(space, *next)) : "0");
  call.reply.array(found.size());
  for (const std::string& key : found) call.reply.bulk(key);
}

namespace {

/// Values in the database, those included that have expired and are not yet removed.
uint64_t keys_in(Call& call) {
  if (call.collection() == 0) return 0;
  const std::string& name = call.service.collection_name(call.client.database);
  const Result<Entry> entry = find_entry(call.txn(), {*call.scope.tenant, name, true});
  uint64_t keys = entry ? entry->keys : 0;
  if (call.scope.writer != nullptr) {
    // What this transaction has added is counted when it ends.
    const auto& deltas = call.writer().effects().deltas;
    if (const auto delta = deltas.find(call.collection()); delta != deltas.end())
      keys += static_cast<uint64_t>(delta->second.keys);
  }
  return keys;
}

}  // namespace

void randomkey(Call& call) {
  const uint64_t keys = keys_in(call);
  if (keys == 0) return call.reply.null();
  RandomKeys& ahead = call.service.random_keys();
  while (const std::optional<std::string> key = ahead.take(call.collection()))
    if (get(call.txn(), call.collection(), *key)) return call.reply.bulk(*key);
  std::vector<std::string> drawn = draw_keys(call.txn(), call.collection(), keys);
  if (drawn.empty()) return call.reply.null();
  call.reply.bulk(drawn.back());
  drawn.pop_back();
  ahead.add(call.collection(), std::move(drawn));
}

void dbsize(Call& call) { call.reply.integer(static_cast<int64_t>(keys_in(call))); }

}  // namespace kvfs::resp::commands
