// Removes what has expired, by the expiry index: no scan of values. And what a crash left of open, unlinked files.
#include <chrono>
#include <vector>

#include "store/byte_order.h"
#include "store/store.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

/// Row keys of the index that are due, at most `count_max`.
std::vector<std::string> due_rows(const ReadTxn& txn, DirId tenant, size_t count_max) {
  std::vector<std::string> due;
  const std::string prefix = expiry_row(tenant, 0, {}).substr(0, 9);
  const auto cursor = txn.rows().cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix) && due.size() < count_max;
       cursor->next()) {
    const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (row->expires_ms > txn.now_ms()) break;
    due.emplace_back(cursor->key());
  }
  return due;
}

void expire(WriteTxn& txn, const std::string& index_row) {
  const ExpiryRow due = *parse_expiry_row(index_row);
  const Result<DirPathPtr> path = dir_path(txn, due.slot.dir);
  const std::optional<Entry> entry = path ? rows::load(txn.rows(), due.slot) : std::nullopt;
  if (entry && entry->expires_ms == due.expires_ms && entry->expired(txn.now_ms())) {
    rows::erase_value(txn, **path, due.slot, *entry, ChangeKind::expire);
    rows::prune_implicit(txn, due.slot.dir);
  }
  txn.rows().erase(index_row);  // also where it pointed to nothing
}

}  // namespace

Result<size_t> Store::sweep_expired() {
  size_t removed = 0;
  for (const DirId tenant : runtime_->tenants()) {
    while (true) {
      const std::vector<std::string> due =
          read([&](const ReadTxn& txn) { return due_rows(txn, tenant, options_.expiry_batch_max); });
      if (due.empty()) break;
      const Result<void> done = transact(
          [&](WriteTxn& txn) -> Result<void> {
            for (const std::string& row : due) expire(txn, row);
            return {};
          },
          {});
      if (!done) return done.error();
      removed += due.size();
      if (due.size() < options_.expiry_batch_max) break;
    }
  }
  return removed;
}

void Store::sweep_until_stopped() {
  std::unique_lock lock(sweep_mutex_);
  while (
      !sweep_wake_.wait_for(lock, std::chrono::milliseconds(options_.expiry_interval_ms), [&] { return stopping_; })) {
    lock.unlock();
    try {
      (void)sweep_expired();  // what fails now (a full disk) is tried again; readers see the values as absent anyway
    } catch (const StoreException&) {
      // Damage is reported to whoever reads it.
    }
    lock.lock();
  }
}

Result<void> Store::remove_orphans() {
  const std::vector<Inode> orphans = read([](const ReadTxn& txn) {
    std::vector<Inode> out;
    const std::string prefix(1, static_cast<char>(Table::orphan));
    const auto cursor = txn.rows().cursor();
    for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next())
      if (cursor->key().size() == 9) out.push_back(load_be64(cursor->key().data() + 1));
    return out;
  });
  for (const Inode inode : orphans)
    if (Result<void> ok = transact([&](WriteTxn& txn) { return rows::erase_orphan(txn, inode); }, {}); !ok) return ok;
  return {};
}

namespace rows {

Result<void> erase_orphan(WriteTxn& txn, Inode inode) {
  const std::optional<Entry> entry = load_inode(txn.rows(), inode);
  txn.rows().erase(orphan_row(inode));
  if (!entry || entry->nlink != 0) return {};
  const bool chunked = entry->chunked;
  txn.rows().erase(inode_row(inode));
  if (chunked) erase_chunks(txn, inode);
  return {};
}

}  // namespace rows
}  // namespace kvfs
