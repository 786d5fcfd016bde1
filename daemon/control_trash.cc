// The commands about removed values.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/control.h"
#include "store/trash.h"
#include "store/trash_name.h"

namespace kvfs {

namespace {

constexpr size_t kListedMax = 1000;  // of each tenant; .kvfs/trash shows all

/// The first component of a path, which loses it.
std::string_view take_component(std::string_view& path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view first = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return first;
}

/// Whose trash is meant: who asks, or the tenant that the path begins with.
Result<DirId> take_tenant(const ReadTxn& txn, DirId asks, std::string_view& path) {
  return asks != 0 ? Result<DirId>(asks) : find_tenant(txn, take_component(path));
}

std::vector<std::pair<std::string, DirId>> tenants_of(const Store& store, DirId asks) {
  return store.read([&](const ReadTxn& txn) {
    std::vector<std::pair<std::string, DirId>> out;
    if (asks != 0) {
      out.emplace_back("", asks);
      return out;
    }
    for (const CollectionInfo& tenant : list_tenants(txn)) out.emplace_back(tenant.name + "/", tenant.id);
    return out;
  });
}

Result<std::string> list(const Store& store, const ControlCommand& command) {
  std::string lines;
  for (const auto& [prefix, tenant] : tenants_of(store, command.tenant))
    store.read([&, &prefix = prefix, tenant = tenant](const ReadTxn& txn) {
      size_t count = 0;
      list_trash(txn, tenant, 0, [&](const Trashed& removed) {
        lines += fmt::format("{}{} {} bytes until {:%Y-%m-%dT%H:%M:%SZ}\n", prefix, trash_name(removed),
                             removed.entry.size, fmt::gmtime(static_cast<std::time_t>(removed.ends_ms / 1000)));
        return ++count < kListedMax;
      });
      if (count == kListedMax) lines += prefix + "...\n";
    });
  return lines;
}

/// The removal that a path speaks of: a name in the trash, or a key, of which it is the last one.
Result<Version> find_removal(const ReadTxn& txn, DirId tenant, std::string_view path) {
  if (const auto id = parse_trash_name(path)) return *id;
  const std::string_view collection = take_component(path);
  const Result<Trashed> removed = find_last_trashed(txn, tenant, collection, path);
  if (removed) return removed->id;
  return {Errc::not_found, fmt::format("no removal of {}/{} is kept", collection, path)};
}

Result<std::string> undelete(Store& store, const ControlCommand& command) {
  std::string placed;
  const Result<PutOutcome> done = store.write([&](WriteTxn& txn) -> Result<PutOutcome> {
    std::string_view path = command.words[1];
    const Result<DirId> tenant = take_tenant(txn, command.tenant, path);
    if (!tenant) return tenant.error();
    const Result<Version> id = find_removal(txn, *tenant, path);
    if (!id) return id.error();
    const Result<Trashed> removed = find_trashed(txn, *tenant, *id);
    if (!removed) return {Errc::not_found, fmt::format("{} is not in the trash any more", path)};
    std::string collection(removed->collection);
    std::string key(removed->key);
    if (command.words.size() == 3) {
      std::string_view to = command.words[2];
      const Result<DirId> target = take_tenant(txn, command.tenant, to);
      if (!target || *target != *tenant) return {Errc::cross_tenant, "a removed value comes back in its own tenant"};
      collection = take_component(to);
      key = to;
    }
    placed = collection + "/" + key;
    return restore_trashed(txn, *tenant, *id, RestoreTarget{collection, key, false});
  });
  if (done) return placed + " is back\n";
  if (done.error().code == Errc::exists)
    return {Errc::exists, fmt::format("{} has a value; name another place for what was removed", placed)};
  return done.error();
}

Result<std::string> empty(Store& store, const ControlCommand& command) {
  size_t count = 0;
  for (const auto& [prefix, tenant] : tenants_of(store, command.tenant))
    while (true) {
      const auto went = store.write([&, tenant = tenant](WriteTxn& txn) { return empty_trash(txn, tenant); });
      if (!went) return went.error();
      if (*went == 0) break;
      count += *went;
    }
  return fmt::format("{} removed values are gone\n", count);
}

}  // namespace

void Control::add_trash_verbs() {
  add({.name = "trash",
       .arguments = "",
       .help = "the removed values that are kept",
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return list(store_, command); }});
  add({.name = "undelete",
       .arguments = "PATH [TO]",
       .help = "brings back what was removed last at COLLECTION/KEY, or what has this name in the trash",
       .arguments_min = 1,
       .arguments_max = 2,
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return undelete(store_, command); }});
  add({.name = "empty-trash",
       .arguments = "",
       .help = "removes all of it for good",
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return empty(store_, command); }});
}

}  // namespace kvfs
