#include "respbridge/watching.h"

#include <algorithm>

#include "store/keyspace.h"

namespace kvfs::resp {

namespace {

Version version_of(const ReadTxn& txn, const WatchedKey& watched) {
  const Result<DirId> tenant = find_tenant(txn, watched.tenant);
  if (!tenant) return 0;
  const Result<DirId> dir = find_collection(txn, *tenant, watched.collection);
  if (!dir) return 0;
  const Result<Entry> entry = get(txn, *dir, watched.key);
  return entry ? entry->version : 0;
}

bool concerns(const Change& change, const WatchedKey& watched) {
  return change.tenant == watched.tenant &&
         ((change.key == watched.key && change.collection == watched.collection) ||
          (change.to_key == watched.key && change.to_collection == watched.collection));
}

}  // namespace

WatchedKey watched_now(const Store& store, Feed& feed, std::string tenant, std::string collection, std::string key) {
  WatchedKey watched{std::move(tenant), std::move(collection), std::move(key)};
  watched.since = feed.last();  // before the snapshot: what is between them is seen twice, not missed
  watched.version = store.read([&](const ReadTxn& txn) { return version_of(txn, watched); });
  return watched;
}

bool was_touched(const ReadTxn& txn, const Feed& feed, const WatchedKey& watched) {
  const Version version = version_of(txn, watched);
  if (version != watched.version) return true;
  if (version != 0) return false;
  constexpr size_t kChangesPerRead = 1000;
  for (uint64_t after = watched.since;;) {
    const Feed::Batch batch = feed.read(after, kChangesPerRead);
    if (batch.missed) return true;
    if (std::any_of(batch.changes.begin(), batch.changes.end(), [&](const ChangePtr& change) {
          // What had expired before it was watched may be removed later: that changes nothing.
          return change->kind != ChangeKind::expire && concerns(*change, watched);
        }))
      return true;
    if (batch.changes.size() < kChangesPerRead) return false;
    after = batch.next;
  }
}

}  // namespace kvfs::resp
