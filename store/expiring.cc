#include "store/expiring.h"

#include "store/key.h"
#include "store/tree_rows.h"

namespace kvfs {

std::map<DirId, ExpiringValues> expiring_values(const ReadTxn& txn, DirId tenant, uint64_t rows_max) {
  std::map<DirId, ExpiringValues> out;
  const std::string due = expiry_row(tenant, txn.now_ms() + 1, {});
  const std::string_view tenants = std::string_view(due).substr(0, 1 + sizeof(DirId));
  DirId dir = 0;
  ExpiringValues* values = nullptr;  // of the collection that `dir` belongs to
  const auto cursor = txn.rows().cursor();
  uint64_t met = 0;
  for (cursor->seek(due); cursor->valid() && cursor->key().starts_with(tenants) && met < rows_max;
       cursor->next(), ++met) {
    const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (row->slot.dir != dir) {
      dir = row->slot.dir;
      const Result<DirPathPtr> path = dir_path(txn, dir);
      values = path ? &out[(*path)->collection] : nullptr;
    }
    if (values == nullptr) continue;
    ++values->count;
    values->left_ms += row->expires_ms - txn.now_ms();
  }
  return out;
}

}  // namespace kvfs
