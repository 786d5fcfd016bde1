#include "store/directory_infos.h"

#include "store/tree.h"

namespace kvfs {

namespace {

CollectionInfo info_of(const ReadTxn& txn, std::string_view name, const Entry& entry) {
  return {std::string(name), entry.inode, entry.keys, entry.bytes, settings_of(txn, entry.inode)};
}

std::optional<CollectionInfo> find_info(const ReadTxn& txn, DirId dir, std::string_view name) {
  const Result<Entry> entry = find_entry(txn, {dir, name, true});
  if (!entry) return std::nullopt;
  return info_of(txn, name, *entry);
}

/// A tenant has what its collections have.
void add_up(const ReadTxn& txn, CollectionInfo& tenant) {
  for (DirectoryCursor cursor(txn, tenant.id, std::nullopt); cursor.valid(); cursor.next()) {
    if (!cursor.slot().directory) continue;
    tenant.keys += cursor.entry().keys;
    tenant.bytes += cursor.entry().bytes;
  }
}

}  // namespace

InfoPage collections_page(const ReadTxn& txn, DirId tenant, const std::optional<std::string>& after, size_t limit) {
  InfoPage page;
  std::string last;
  for (DirectoryCursor cursor(txn, tenant, after); cursor.valid(); cursor.next()) {
    if (!cursor.slot().directory) continue;
    if (page.infos.size() == limit) {
      page.after = std::move(last);
      break;
    }
    page.infos.push_back(info_of(txn, cursor.component(), cursor.entry()));
    last = cursor.position();
  }
  return page;
}

InfoPage tenants_page(const ReadTxn& txn, const std::optional<std::string>& after, size_t limit) {
  InfoPage page = collections_page(txn, kRootDir, after, limit);
  for (CollectionInfo& tenant : page.infos) add_up(txn, tenant);
  return page;
}

std::optional<CollectionInfo> collection_info(const ReadTxn& txn, DirId tenant, std::string_view name) {
  return find_info(txn, tenant, name);
}

std::optional<CollectionInfo> tenant_info(const ReadTxn& txn, std::string_view name) {
  std::optional<CollectionInfo> tenant = find_info(txn, kRootDir, name);
  if (tenant) add_up(txn, *tenant);
  return tenant;
}

}  // namespace kvfs
