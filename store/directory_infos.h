// Tenants, and the collections of a tenant: one by name, or a page of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/keyspace.h"

namespace kvfs {

struct InfoPage {
  std::vector<CollectionInfo> infos;
  std::optional<std::string> after;  // to be passed for the rest; nullopt: this was the last page
};

/// At most `limit`, in the order of their rows. Ones made or removed meanwhile do not disturb the others.
InfoPage collections_page(const ReadTxn& txn, DirId tenant, const std::optional<std::string>& after, size_t limit);
InfoPage tenants_page(const ReadTxn& txn, const std::optional<std::string>& after, size_t limit);

/// nullopt where there is none of that name.
std::optional<CollectionInfo> collection_info(const ReadTxn& txn, DirId tenant, std::string_view name);
std::optional<CollectionInfo> tenant_info(const ReadTxn& txn, std::string_view name);

}  // namespace kvfs
