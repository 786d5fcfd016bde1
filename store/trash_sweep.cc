// Keeps the trash within its bounds: what is due goes, and the oldest where there is too much, or too little space.
#include <algorithm>
#include <vector>

#include "store/runtime.h"
#include "store/store.h"
#include "store/trash_rows.h"

namespace kvfs {

namespace {

constexpr double kDiskNear = 0.9;    // the trash gives way from here on, before eviction does
constexpr double kDiskEased = 0.85;  // removed values are kept again

/// What the tenant's trash may hold now: its own limits, and no more than what the tenant leaves of its quotas.
TrashPolicy::Limits limits_now(const ReadTxn& txn, DirId tenant) {
  if (!txn.rows().get(parent_row(tenant))) return {};  // there is no such tenant any more
  const Runtime& runtime = txn.runtime();
  TrashPolicy::Limits limits = txn.runtime().trash().limits(tenant);
  if (!runtime.has_settings()) return limits;
  const Settings settings = runtime.settings(tenant);
  const Runtime::Usage usage = runtime.usage(tenant);
  const auto left = [](uint64_t quota, uint64_t used, uint64_t limit) {
    return quota == 0 ? limit : std::min(limit, quota - std::min(quota, used));
  };
  limits.keys = left(settings.quota_keys, usage.keys, limits.keys);
  limits.bytes = left(settings.quota_bytes, usage.bytes, limits.bytes);
  return limits;
}

/// Items whose time has come, then the oldest ones beyond `limits`; about as many as a transaction drops.
std::vector<Version> surplus(const ReadTxn& txn, DirId tenant, const TrashPolicy::Limits& limits) {
  std::vector<Version> out;
  const std::string ends = rows::trash_ends(tenant);
  const auto cursor = txn.rows().cursor();
  for (cursor->seek(ends); cursor->valid() && cursor->key().starts_with(ends) && out.size() < rows::kDroppedKeysMax;
       cursor->next()) {
    const Result<rows::ParsedTrashRow> row = rows::parse_trash_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (row->ends_ms > txn.now_ms()) break;
    out.push_back(row->id);
  }
  if (!out.empty()) return out;  // what is left then is judged by the next round
  TrashUse use = trash_use(txn, tenant);
  const std::string items = rows::trash_items(tenant);
  for (cursor->seek(items); cursor->valid() && cursor->key().starts_with(items) && out.size() < rows::kDroppedKeysMax &&
                            (use.keys > limits.keys || use.bytes > limits.bytes);
       cursor->next()) {
    const Result<rows::TrashItem> item = rows::decode_trash_item(cursor->value());
    if (!item) throw StoreException(item.error());
    use.keys -= std::min<uint64_t>(use.keys, 1);
    use.bytes -= std::min(use.bytes, item->entry.bytes_charged());
    out.push_back(item->place.id);
  }
  return out;
}

}  // namespace

Result<size_t> Store::shrink_trash(DirId tenant, const std::function<TrashPolicy::Limits(const ReadTxn&)>& limits) {
  size_t gone = 0;
  while (true) {
    const std::vector<Version> ids = read([&](const ReadTxn& txn) { return surplus(txn, tenant, limits(txn)); });
    if (ids.empty()) return gone;
    size_t dropped = 0;
    ChangeLog published;
    const Result<void> done = commit(
        [&](WriteTxn& txn) -> Result<void> {
          dropped = rows::drop_from_trash(txn, tenant, ids);
          return {};
        },
        {}, published, nullptr);
    if (!done) return done.error();
    gone += dropped;
    const std::lock_guard lock(sweep_mutex_);
    if (stopping_) return gone;
  }
}

Result<size_t> Store::sweep_trash() {
  TrashPolicy& trash = runtime_->trash();
  size_t gone = 0;
  for (const DirId tenant : trash.tenants()) {
    const Result<size_t> went = shrink_trash(tenant, [&](const ReadTxn& txn) { return limits_now(txn, tenant); });
    if (!went) return went;
    gone += *went;
  }
  if (!trash.paused() && trash.use(0).keys == 0) return gone;
  const SpaceUse space = engine_->space();
  const double full =
      static_cast<double>(space.bytes_used) / static_cast<double>(std::max<uint64_t>(space.bytes_max, 1));
  if (full >= kDiskNear)
    (void)make_room_from_trash();
  else if (full < kDiskEased)
    trash.pause(false);
  return gone;
}

bool Store::make_room_from_trash() {
  TrashPolicy& trash = runtime_->trash();
  const bool kept = trash.keeps();
  if (!kept && trash.use(0).keys == 0) return false;
  trash.pause(true);
  size_t gone = 0;
  for (const DirId tenant : trash.tenants()) {
    const TrashPolicy::Use use = trash.use(tenant);
    const TrashPolicy::Limits half{use.keys / 2, use.bytes / 2};
    if (const Result<size_t> went = shrink_trash(tenant, [&](const ReadTxn&) { return half; })) gone += *went;
  }
  if (gone > 0) (void)engine_->checkpoint();  // shows what was freed
  return gone > 0 || kept;
}

}  // namespace kvfs
