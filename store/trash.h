// The trash: values that were removed, kept for a while so that they can be had back (docs/architecture.md, "Trash").
// Each tenant has one, outside of its collections: no listing, count, scan or quota of keys knows of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/keyspace.h"

namespace kvfs {

/// A removed value. Views into the transaction.
struct Trashed {
  Version id = 0;        // of its removal, by which it is named within its tenant; the clock of removal is id >> 16
  uint64_t ends_ms = 0;  // when it goes for good
  std::string_view collection;
  std::string_view key;
  Entry entry;  // as it was
};

struct TrashUse {
  uint64_t keys = 0;
  uint64_t bytes = 0;
  bool operator==(const TrashUse&) const = default;
};

/// Errors: not_found (also where its time has come).
Result<Trashed> find_trashed(const ReadTxn& txn, DirId tenant, Version id);
/// The newest removal of the key that is still there. Errors: not_found. Walks the trash.
Result<Trashed> find_last_trashed(const ReadTxn& txn, DirId tenant, std::string_view collection, std::string_view key);
/// Calls `visit` with those removed after `after` (0: all), the oldest first, until it returns false.
void list_trash(const ReadTxn& txn, DirId tenant, Version after, const std::function<bool(const Trashed&)>& visit);
TrashUse trash_use(const ReadTxn& txn, DirId tenant);

/// The value gets a name again: content, type, attributes, times, inode and expiry are what they were, the version and
/// ctime are new. What has the name already is an error unless it is to be replaced, which removes it.
/// Errors: not_found, exists, as put(); into a directory as make_node(), cross_tenant, is_directory.
struct RestoreTarget {
  std::string_view collection;  // made if absent
  std::string_view key;
  bool replace = false;
};
Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, const RestoreTarget& target);
/// Where it was.
Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, bool replace = false);
/// As a name in a directory, as a file system makes it.
Result<PutOutcome> restore_trashed(WriteTxn& txn, DirId tenant, Version id, DirId dir, std::string_view component,
                                   bool replace);

/// It goes for good. Errors: not_found.
Result<void> drop_trashed(WriteTxn& txn, DirId tenant, Version id);
/// Some go for good, the oldest first, as many as a transaction should; returns how many: call again until 0.
Result<size_t> empty_trash(WriteTxn& txn, DirId tenant);

}  // namespace kvfs
