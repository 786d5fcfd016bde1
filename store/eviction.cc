// What goes when it is evicted, and what a write lacks: the rules that eviction shares with quotas.
#include <fmt/format.h>

#include "store/tree_rows.h"

namespace kvfs {

void note_read(const ReadTxn& txn, DirId collection, const Slot* slot) {
  Uses& uses = txn.runtime().uses();
  if (slot != nullptr) uses.used(*slot, txn.now_ms());
  if (!txn.writes()) uses.counts.add(collection, slot != nullptr);
}

void note_write(const WriteTxn& txn, const DirPath& path, const Slot& slot, bool made) {
  Uses& uses = txn.runtime().uses();
  if (made)
    uses.made(path.tenant, slot, txn.now_ms());
  else
    uses.used(slot, txn.now_ms());
}

namespace rows {

bool evict(WriteTxn& txn, const Slot& slot, bool only_volatile) {
  const std::optional<Entry> entry = load(txn.rows(), slot);
  if (!entry || entry->kind != Kind::file || entry->nlink != 1) return false;
  if (only_volatile && entry->expires_ms == 0) return false;
  if (txn.runtime().is_held(entry->inode)) return false;  // open through a mount
  const Result<DirPathPtr> path = dir_path(txn, slot.dir);
  if (!path) return false;
  erase_value(txn, **path, slot, *entry, entry->expired(txn.now_ms()) ? ChangeKind::expire : ChangeKind::evict);
  prune_implicit(txn, slot);
  return true;
}

namespace {

/// A limit that growth by `growth` would exceed; what usage must come down to for it to fit.
struct Excess {
  bool found = false;
  uint64_t goal = UINT64_MAX;
  bool fits_alone = false;
};

Excess excess(uint64_t used, int64_t growth, uint64_t limit) {
  if (limit == 0 || growth <= 0 || used + static_cast<uint64_t>(growth) <= limit) return {};
  const auto wanted = static_cast<uint64_t>(growth);
  return {true, wanted <= limit ? limit - wanted : UINT64_MAX, wanted <= limit};
}

/// Where others may go for it, how much is missing is known when the transaction ends.
Result<void> refuse(WriteTxn& txn, DirId tenant, bool may_evict, bool at_end, const Excess& keys, const Excess& bytes,
                    std::string why) {
  const bool fits = (!keys.found || keys.fits_alone) && (!bytes.found || bytes.fits_alone);
  if (may_evict && fits) {
    txn.effects().over_limit = true;
    if (!at_end) return {};
    txn.effects().shortage = Shortage{tenant, keys.goal, bytes.goal};
  }
  return {Errc::quota_exceeded, std::move(why)};
}

Result<void> check_limits(WriteTxn& txn, bool at_end) {
  Runtime& runtime = txn.runtime();
  const uint64_t keys_max = runtime.keys_max();
  if (!runtime.has_settings() && keys_max == 0) return {};
  int64_t growth = 0;
  for (const auto& [tenant, change] : txn.effects().usage) {
    growth += change.first;
    if (!runtime.has_settings()) continue;
    const Settings settings = runtime.settings(tenant);
    if (settings.quota_keys == 0 && settings.quota_bytes == 0) continue;
    const Runtime::Usage usage = runtime.usage(tenant);
    const Excess keys = excess(usage.keys, change.first, settings.quota_keys);
    const Excess bytes = excess(usage.bytes, change.second, settings.quota_bytes);
    if (!keys.found && !bytes.found) continue;
    const bool may_evict = runtime.eviction_policy(tenant) != EvictionPolicy::noeviction;
    Result<void> ok =
        refuse(txn, tenant, may_evict, at_end, keys, bytes,
               bytes.found ? fmt::format("the tenant's quota of {} bytes is reached", settings.quota_bytes)
                           : fmt::format("the tenant's quota of {} keys is reached", settings.quota_keys));
    if (!ok) return ok;
  }
  if (keys_max == 0 || growth <= 0) return {};
  const Excess keys = excess(runtime.usage(0).keys, growth, keys_max);
  if (!keys.found) return {};
  return refuse(txn, 0, runtime.may_evict(), at_end, keys, {},
                fmt::format("the store's max_keys of {} is reached", keys_max));
}

}  // namespace

Result<void> check_quota(WriteTxn& txn) { return check_limits(txn, false); }

Result<void> check_quota_at_end(WriteTxn& txn) {
  return txn.effects().over_limit ? check_limits(txn, true) : Result<void>();
}

}  // namespace rows
}  // namespace kvfs
