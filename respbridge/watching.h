// WATCH: what makes EXEC do nothing.
#pragma once

#include "respbridge/client.h"
#include "store/store.h"

namespace kvfs::resp {

/// The key as it is now, to be compared by was_touched() later.
WatchedKey watched_now(const Store& store, Feed& feed, std::string tenant, std::string collection, std::string key);

/// Whether the key has changed since, at any door. A key that did not exist and does not exist now has changed, too, if
/// it was made in between (as far back as the feed goes: beyond that, it counts as changed).
bool was_touched(const ReadTxn& txn, const Feed& feed, const WatchedKey& watched);

}  // namespace kvfs::resp
