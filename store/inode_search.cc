#include "store/inode_search.h"

#include <string>

#include "store/key.h"

namespace kvfs {

Result<Located> search_inode(const ReadTxn& txn, Inode inode) {
  const std::string prefix(1, static_cast<char>(Table::dirent));
  const auto cursor = txn.rows().cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    const Result<Entry> entry = decode_entry(cursor->value());
    if (!entry) throw StoreException(entry.error());
    if (entry->inode != inode) continue;
    const Result<Slot> slot = parse_dirent_row(cursor->key());
    if (!slot) throw StoreException(slot.error());
    return find_inode(txn, inode, *slot);
  }
  return Errc::stale;
}

}  // namespace kvfs
