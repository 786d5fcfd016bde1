#include "respbridge/command.h"
#include "respbridge/errors.h"
#include "respbridge/notifier.h"
#include "respbridge/numbers.h"
#include "respbridge/service.h"
#include "store/typed_value.h"

namespace kvfs::resp {

namespace {

Result<DirId> tenant_of(Scope& scope, const Client& client) {
  if (scope.tenant) return *scope.tenant;
  const Result<DirId> found = scope.writer != nullptr ? ensure_tenant(*scope.writer, client.identity.tenant)
                                                      : find_tenant(*scope.reader, client.identity.tenant);
  if (found) scope.tenant = *found;
  return found;
}

}  // namespace

DirId Call::collection(uint32_t database) const {
  for (const auto& [number, dir] : scope.collections)
    if (number == database) return dir;
  const Result<DirId> tenant = tenant_of(scope, client);
  if (!tenant) return 0;
  const Result<DirId> found = find_collection(*scope.reader, *tenant, service.collection_name(database));
  if (!found) return 0;
  scope.collections.emplace_back(database, *found);
  return *found;
}

Result<DirId> Call::make_collection(uint32_t database) {
  if (const DirId present = collection(database); present != 0) return present;
  const Result<DirId> tenant = tenant_of(scope, client);
  if (!tenant) return tenant;
  const Result<DirId> made = ensure_collection(*scope.writer, *tenant, service.collection_name(database));
  if (made) scope.collections.emplace_back(database, *made);
  return made;
}

bool Call::only_looks() const {
  return (spec.flags & kLooks) != 0 || (client.card->no_touch.load(std::memory_order_relaxed) && spec.name != "touch");
}

void Call::looked_up(uint32_t database, std::string_view key, bool hit) const {
  Statistics& statistics = service.statistics();
  (hit ? statistics.keyspace_hits : statistics.keyspace_misses).fetch_add(1, std::memory_order_relaxed);
  const uint32_t classes = service.config().event_classes();
  if (hit || (classes & kMissEvents) == 0) return;
  for (auto& [channel, payload] : event_messages(classes, database, key, "keymiss")) {
    if (scope.writer != nullptr)
      scope.publications.push_back({client.identity.tenant, std::move(channel), std::move(payload)});
    else
      service.store().channels().publish(client.identity.tenant, channel, payload);
  }
}

std::optional<Entry> Call::find(uint32_t database, std::string_view key) const {
  std::optional<Entry> entry = find_uncounted(database, key);
  // OBJECT and MEMORY USAGE tell of a key and do not ask for its value.
  if ((spec.flags & kReads) != 0 && spec.first_key != 2) looked_up(database, key, entry.has_value());
  return entry;
}

std::optional<Entry> Call::find_uncounted(uint32_t database, std::string_view key) const {
  const DirId dir = collection(database);
  if (dir == 0) return std::nullopt;
  Result<Entry> entry = only_looks() ? peek(*scope.reader, dir, key) : get(*scope.reader, dir, key);
  if (!entry) return std::nullopt;
  if (entry->type == ValueType::counter && !entry->chunked) {  // its digits alone: to Redis it is a string
    entry->inline_value = counter_digits(*entry);
    entry->size = entry->inline_value.size();
  }
  return *entry;
}

bool Call::find_bytes(std::string_view key, std::optional<Entry>& entry) {
  entry = find(key);
  if (!entry || entry->type != ValueType::set) return true;
  wrong_type();
  return false;
}

bool Call::find_set(std::string_view key, std::optional<Entry>& entry) {
  entry = find(key);
  if (!entry || entry->type == ValueType::set) return true;
  wrong_type();
  return false;
}

std::optional<std::string> Call::read(const Entry& entry) {
  Result<std::string> bytes = read_whole_value(txn(), entry, service.options().bulk_bytes_max);
  if (bytes) return std::move(*bytes);
  fail(bytes.error());
  return std::nullopt;
}

void Call::reply_value(const Entry& entry) {
  if (!entry.chunked) return reply.bulk(entry.inline_value);
  if (entry.size > service.options().bulk_bytes_max)
    return reply.error("ERR the value has " + std::to_string(entry.size) + " bytes, more than proto-max-bulk-len");
  const size_t mark = reply.buffer().size();
  char* space = reply.bulk_space(entry.size);
  const Result<size_t> got = read_value(txn(), entry, 0, entry.size, space);
  if (got) return;
  reply.buffer().resize(mark);
  fail(got.error());
}

bool Call::put(std::string_view key, std::string_view value, const PutOptions& options) {
  const Result<DirId> dir = make_collection(client.database);
  if (!dir) return fail(dir.error()), false;
  if (value.size() <= kInlineBytesMax || options.type != ValueType::bytes) {
    const Result<PutOutcome> done = kvfs::put(writer(), *dir, key, value, options);
    if (!done) fail(done.error());
    return done.has_value();
  }
  if (Result<void> ok = check_key(key); !ok) return fail(ok.error()), false;
  ValueWriter stream(service.store().chunks(), service.options().bulk_bytes_max);
  if (Result<void> ok = stream.append(value); !ok) return fail(ok.error()), false;
  Result<StagedValue> staged = stream.finish();
  if (!staged) return fail(staged.error()), false;
  scope.staged.push_back(std::move(*staged));
  const Result<PutOutcome> done = kvfs::put(writer(), *dir, key, scope.staged.back(), options);
  if (!done) fail(done.error());
  return done.has_value();
}

bool Call::patch(std::string_view key, const std::optional<Entry>& entry, uint64_t offset, std::string_view bytes) {
  const uint64_t size = std::max(entry ? entry->size : 0, offset + bytes.size());
  const PutOptions options = keep_all(entry);
  if (size <= kInlineBytesMax || !entry || !entry->chunked) {
    std::string value;
    if (entry) {
      std::optional<std::string> present = read(*entry);
      if (!present) return false;
      value = std::move(*present);
    }
    value.resize(size, '\0');
    value.replace(offset, bytes.size(), bytes);
    return put(key, value, options);
  }
  StagedValue staged(service.store().chunks());
  staged.replaces = false;
  staged.size = size;
  std::string chunk;
  for (uint64_t at = offset; at < offset + bytes.size();) {
    const auto index = static_cast<uint32_t>(at / kChunkBytes);
    const uint64_t begin = uint64_t{index} * kChunkBytes;
    const uint64_t within = at - begin;
    const uint64_t part = std::min<uint64_t>(kChunkBytes - within, offset + bytes.size() - at);
    chunk.assign(std::min<uint64_t>(kChunkBytes, size - begin), '\0');
    if (const Result<size_t> got = read_value(txn(), *entry, begin, chunk.size(), chunk.data()); !got)
      return fail(got.error()), false;
    chunk.replace(within, part, bytes.substr(at - offset, part));
    if (Result<void> ok = staged.stage_chunk(index, chunk); !ok) return fail(ok.error()), false;
    at += part;
  }
  scope.staged.push_back(std::move(staged));
  const Result<DirId> dir = make_collection(client.database);
  if (!dir) return fail(dir.error()), false;
  const Result<PutOutcome> done = kvfs::put(writer(), *dir, key, scope.staged.back(), options);
  if (!done) fail(done.error());
  return done.has_value();
}

std::optional<SetOutcome> Call::change_set(std::string_view key, Args members, bool add) {
  const Result<DirId> dir = add ? make_collection(client.database) : Result<DirId>(collection());
  if (!dir) return fail(dir.error()), std::nullopt;
  if (*dir == 0) return SetOutcome{};
  const Result<SetOutcome> done = add ? add_members(writer(), *dir, key, members, keep_all(std::nullopt))
                                      : remove_members(writer(), *dir, key, members);
  if (done) return *done;
  if (!add && (done.error().code == Errc::not_found || !check_key(key))) return SetOutcome{};
  if (done.error().code == Errc::wrong_type)
    wrong_type();
  else
    fail(done.error());
  return std::nullopt;
}

bool Call::remove(std::string_view key) {
  const DirId dir = collection();
  if (dir == 0) return false;
  const Result<Version> removed = kvfs::remove(writer(), dir, key);
  // What cannot exist cannot be removed; every other failure leaves the key as it is, and is an error.
  if (!removed && removed.error().code != Errc::not_found && check_key(key)) fail(removed.error());
  return removed.has_value();
}

bool Call::set_expiry(std::string_view key, uint64_t expires_ms) {
  const Result<Version> done = kvfs::set_expiry(writer(), collection(), key, expires_ms);
  if (!done) fail(done.error());
  return done.has_value();
}

void Call::fail(const Error& error) {
  if (scope.writer == nullptr) return reply.error(error_text(error));
  if (!scope.failure) scope.failure = error;  // the executor replies it when it has dropped the transaction
}

void Call::wrong_type() { reply.error(kWrongType); }
void Call::syntax_error() { reply.error(kSyntaxError); }
void Call::not_an_integer() { reply.error(kNotAnInteger); }

void Call::wrong_arity() { reply.error("ERR wrong number of arguments for '" + std::string(spec.name) + "' command"); }

void Call::wrong_subcommand_arity() {
  reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(args[1]) + "'. Try " +
              upper_case(args[0]) + " HELP.");
}

void Call::event(std::string_view name) {
  if (scope.writer != nullptr) scope.writer->name_event(name);
}

PutOptions keep_all(const std::optional<Entry>& entry) {
  PutOptions options;
  options.keep_content_type = true;
  options.keep_expiry = true;
  if (entry) options.type = entry->type;
  return options;
}

}  // namespace kvfs::resp
