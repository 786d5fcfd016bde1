// Removes what has expired, by the expiry index: no scan of values. And what a crash left of open, unlinked files.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "store/byte_order.h"
#include "store/runtime.h"
#include "store/set_rows.h"
#include "store/store.h"
#include "store/trash_rows.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

namespace {

// Writers wait while a batch is removed: it is made as large as takes about this long.
constexpr auto kBatchTime = std::chrono::milliseconds(2);
constexpr size_t kBatchFirst = 128;
constexpr size_t kBatchMin = 16;

struct DueRows {
  uint64_t seen_ms = 0;
  std::vector<std::string> keys;
  uint64_t next_ms = DueTimes::kNever;  // of the row behind them, if there is any
};

/// Rows of the index that are due, at most `count_max`, beginning at `from`: rows before it are gone, and looking for
/// them again would take the longer the more of them there were.
DueRows due_rows(const ReadTxn& txn, DirId tenant, const std::string& from, size_t count_max) {
  DueRows due;
  due.seen_ms = txn.now_ms();
  const std::string prefix = expiry_row(tenant, 0, {}).substr(0, 9);
  const auto cursor = txn.rows().cursor();
  cursor->keep_to(prefix);
  for (cursor->seek(from.empty() ? prefix : from); cursor->valid() && cursor->key().starts_with(prefix);
       cursor->next()) {
    const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (row->expires_ms > txn.now_ms() || due.keys.size() == count_max) {
      due.next_ms = row->expires_ms;
      break;
    }
    due.keys.emplace_back(cursor->key());
  }
  return due;
}

/// True: the value has expired and is gone. One whose expiry was put off is indexed anew.
bool expire(WriteTxn& txn, const std::string& index_row) {
  const ExpiryRow due = *parse_expiry_row(index_row);
  const Result<DirPathPtr> path = dir_path(txn, due.slot.dir);
  std::optional<Entry> entry = path ? rows::load(txn.rows(), due.slot) : std::nullopt;
  if (!entry || entry->indexed_ms() != due.expires_ms) {
    txn.rows().erase(index_row);  // it pointed to nothing
    return false;
  }
  if (!entry->expired(txn.now_ms())) {
    const uint64_t expires_ms = entry->expires_ms;
    entry->indexed_early_ms = 0;
    rows::store(txn, due.slot, *entry);
    rows::move_index(txn, **path, due.slot, {due.expires_ms, expires_ms});
    return false;
  }
  rows::erase_value(txn, **path, due.slot, *entry, ChangeKind::expire);
  rows::prune_implicit(txn, due.slot);
  txn.rows().erase(index_row);
  return true;
}

}  // namespace

Result<size_t> Store::sweep_expired() {
  size_t removed = 0;
  for (const DirId tenant : runtime_->tenants()) {
    if (!runtime_->expiries().take(tenant, now_ms())) continue;
    uint64_t next_ms = 0;  // at once, unless all goes well
    try {
      const Result<void> done = sweep_expired(tenant, removed, next_ms);
      runtime_->expiries().add(tenant, next_ms);
      if (!done) return done.error();
    } catch (...) {
      runtime_->expiries().add(tenant, next_ms);
      throw;
    }
  }
  return removed;
}

Result<void> Store::sweep_expired(DirId tenant, size_t& removed, uint64_t& next_ms) {
  std::string from;
  size_t batch = std::min(kBatchFirst, options_.expiry_batch_max);
  while (true) {
    const DueRows due = read([&](const ReadTxn& txn) { return due_rows(txn, tenant, from, batch); });
    if (!due.keys.empty()) {
      const auto begin = std::chrono::steady_clock::now();
      size_t expired = 0;
      const Result<void> done = transact(
          [&](WriteTxn& txn) -> Result<void> {
            expired = 0;
            for (const std::string& row : due.keys) expired += expire(txn, row) ? 1 : 0;
            return {};
          },
          {});
      if (!done) return done.error();
      removed += expired;
      from = due.keys.back();
      const auto took = std::chrono::steady_clock::now() - begin;
      if (took > kBatchTime)
        batch = std::max(std::min(kBatchMin, options_.expiry_batch_max), batch / 2);
      else if (took < kBatchTime / 2)
        batch = std::min(options_.expiry_batch_max, batch * 2);
    }
    if (due.next_ms > due.seen_ms) {
      next_ms = due.next_ms;
      return {};
    }
  }
}

Result<size_t> Store::purge_elements() {
  if (!runtime_->take_garbage()) return size_t{0};
  Result<size_t> removed = size_t{0};
  try {
    removed = purge_garbage();
  } catch (...) {
    runtime_->keep_garbage();
    throw;
  }
  if (!removed) runtime_->keep_garbage();
  return removed;
}

Result<size_t> Store::purge_garbage() {
  constexpr size_t kElementsPerCommit = 2000;  // other writers go on in between
  size_t removed = 0;
  std::string from;  // rows before it are gone, and would only be passed over
  uint64_t last_owner = 0;
  while (true) {
    const std::optional<uint64_t> owner = read([](const ReadTxn& txn) -> std::optional<uint64_t> {
      const std::string prefix(1, static_cast<char>(Table::garbage));
      const auto cursor = txn.rows().cursor();
      cursor->keep_to(prefix);
      cursor->seek(prefix);
      if (!cursor->valid() || !cursor->key().starts_with(prefix) || cursor->key().size() != 9) return std::nullopt;
      return load_be64(cursor->key().data() + 1);
    });
    if (!owner) return removed;
    if (std::exchange(last_owner, *owner) != *owner) from.clear();
    size_t count = 0;
    std::string reached;
    const Result<void> done = transact(
        [&](WriteTxn& txn) -> Result<void> {
          reached = from;
          count = erase_elements(txn.rows(), *owner, kElementsPerCommit, reached);
          if (count < kElementsPerCommit) txn.rows().erase(garbage_row(*owner));
          return {};
        },
        {});
    if (!done) return done.error();
    removed += count;
    from = reached;
    const std::lock_guard lock(sweep_mutex_);
    if (stopping_) return removed;
  }
}

void Store::sweep_until_stopped() {
  std::unique_lock lock(sweep_mutex_);
  while (
      !sweep_wake_.wait_for(lock, std::chrono::milliseconds(options_.expiry_interval_ms), [&] { return stopping_; })) {
    lock.unlock();
    try {
      (void)purge_elements();
      (void)sweep_trash();
      (void)sweep_expired();  // what fails now (a full disk) is tried again; readers see the values as absent anyway
    } catch (const std::exception&) {
      // Damage is reported to whoever reads it; where there is no memory, the next sweep finds the same.
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

namespace {

/// True: the inode went into the trash, as its removal said.
bool keep_orphan(WriteTxn& txn, Inode inode, const Entry& entry) {
  const std::string note(txn.rows().get(orphan_row(inode)).value_or(std::string_view()));
  if (note.empty()) return false;
  std::string_view rest;
  const Result<TrashPlace> place = decode_trash_place(note, rest);
  const TrashPolicy& policy = txn.runtime().trash();
  if (!place || policy.paused() || place->ends_ms <= txn.now_ms()) return false;
  if (entry.bytes_charged() > policy.limits(place->tenant).bytes) return false;
  put_into_trash(txn, note, entry);
  return true;
}

}  // namespace

Result<void> erase_orphan(WriteTxn& txn, Inode inode) {
  const std::optional<Entry> entry = load_inode(txn.rows(), inode);
  const bool is_orphan = entry && entry->nlink == 0;
  if (is_orphan && !keep_orphan(txn, inode, *entry)) erase_contents(txn, *entry);  // first: it reads the state
  txn.rows().erase(orphan_row(inode));
  if (is_orphan) txn.rows().erase(inode_row(inode));
  return {};
}

}  // namespace rows
}  // namespace kvfs
