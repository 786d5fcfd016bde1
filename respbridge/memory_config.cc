#include "respbridge/memory_config.h"

#include <algorithm>

#include "respbridge/numbers.h"
#include "respbridge/service.h"
#include "store/runtime.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kOfTenants[] = {"maxmemory", "maxmemory-policy", "maxmemory-samples", "maxkeys"};

bool is_of_tenants(std::string_view name) {
  return std::any_of(std::begin(kOfTenants), std::end(kOfTenants),
                     [&](std::string_view each) { return equals_ignoring_case(name, each); });
}

DirId tenant_of(Call& call) {
  const Result<DirId> tenant = call.service.store().find_tenant(call.client.identity.tenant);
  return tenant ? *tenant : 0;
}

void apply(const std::string& name, const std::string& value, Settings& settings) {
  const auto number = [&] { return static_cast<uint64_t>(parse_integer(value).value_or(0)); };
  if (name == "maxmemory") settings.quota_bytes = number();
  if (name == "maxkeys") settings.quota_keys = number();
  if (name == "maxmemory-samples") settings.eviction_samples = number();
  if (name == "maxmemory-policy") settings.eviction = parse_eviction_policy(value).value();
}

}  // namespace

Store::Usage tenant_usage(Call& call) {
  Store& store = call.service.store();
  if (const DirId tenant = tenant_of(call); tenant != 0) return store.usage(tenant);
  Store::Usage none;
  none.eviction = store.runtime().eviction_policy(0);
  return none;
}

EvictionPolicy eviction_policy(Call& call) { return call.service.store().runtime().eviction_policy(tenant_of(call)); }

bool lacks_memory(Service& service, const Client& client, const CommandSpec& spec, Args args) {
  if ((spec.flags & kDenyOom) == 0 || !service.store().runtime().has_settings()) return false;
  const Result<DirId> tenant = service.store().find_tenant(client.identity.tenant);
  if (!tenant) return false;
  const Store::Usage usage = service.store().usage(*tenant);
  if (usage.quota_bytes == 0 || usage.eviction != EvictionPolicy::noeviction) return false;
  uint64_t argument_bytes = 0;
  for (const std::string_view arg : args.subspan(1)) argument_bytes += arg.size();
  return std::max(usage.bytes, argument_bytes) > usage.quota_bytes;
}

std::vector<std::pair<std::string, std::string>> effective_config(Call& call,
                                                                  const std::vector<std::string_view>& patterns) {
  auto found = call.service.config().get(patterns);
  const bool any = std::any_of(found.begin(), found.end(), [](const auto& each) { return is_of_tenants(each.first); });
  if (!any) return found;
  const Settings settings = call.service.store().runtime().settings(tenant_of(call));
  for (auto& [name, value] : found) {
    if (name == "maxmemory") value = std::to_string(settings.quota_bytes);
    if (name == "maxkeys") value = std::to_string(settings.quota_keys);
    if (name == "maxmemory-policy") value = to_string(eviction_policy(call));
    if (name == "maxmemory-samples") value = std::to_string(call.service.store().evictor().samples_of(tenant_of(call)));
  }
  return found;
}

Result<void> configure(Call& call, const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  std::vector<std::string_view> ours;
  for (const auto& [name, value] : values)
    if (is_of_tenants(name)) ours.push_back(name);
  if (!ours.empty() && call.scope.in_exec) {
    if (Result<void> ok = call.service.config().check(values); !ok) return ok;
    return {Errc::invalid, "ERR CONFIG SET failed (possibly related to argument '" + std::string(ours[0]) +
                               "') - can't be set inside a transaction"};
  }
  if (Result<void> ok = call.service.configure(values); !ok || ours.empty()) return ok;
  const auto checked = call.service.config().get(ours);
  const Result<void> done = call.service.store().write(
      [&](WriteTxn& txn) -> Result<void> {
        const Result<DirId> tenant = ensure_tenant(txn, call.client.identity.tenant);
        if (!tenant) return tenant.error();
        Settings settings = settings_of(txn, *tenant);
        for (const auto& [name, value] : checked) apply(name, value, settings);
        set_settings(txn, *tenant, settings);
        return {};
      },
      call.service.write_options(call.client.awaits_sync));
  if (!done) return {Errc::invalid, "ERR CONFIG SET failed: " + done.error().message()};
  return {};
}

void note_uses(Call& call) {
  AccessHistory& history = call.service.store().runtime().uses().history;
  if (!history.enabled()) history.enable();
}

std::optional<AccessHistory::Use> use_of(Call& call, std::string_view key) {
  const Result<Slot> slot = find_slot(call.txn(), call.collection(), key);
  if (!slot) return std::nullopt;
  return call.service.store().runtime().uses().history.find(AccessHistory::hash(slot->dir, slot->name), call.now_ms());
}

void set_use(Call& call, std::string_view key, uint64_t idle_s, uint8_t frequency) {
  const Result<Slot> slot = find_slot(call.txn(), call.collection(), key);
  if (!slot) return;
  const uint64_t now_ms = call.now_ms();
  const uint64_t idle_ms = std::min(idle_s, now_ms / 1000) * 1000;
  call.service.store().runtime().uses().history.set(AccessHistory::hash(slot->dir, slot->name), now_ms - idle_ms,
                                                    frequency, now_ms);
}

}  // namespace kvfs::resp
