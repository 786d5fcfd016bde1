// The rows of the configuration table, one file per area; joined here in the order of the documentation. Included by
// config_table.cc alone.
#pragma once

#include <array>

#include "daemon/config_rows_http.h"
#include "daemon/config_rows_mount.h"
#include "daemon/config_rows_resp.h"
#include "daemon/config_rows_store.h"
#include "daemon/config_rows_trash.h"
#include "daemon/config_table.h"

namespace kvfs {

inline constexpr std::array kConfigSections = {
    ConfigSection{"store", "Where the data is, and what is promised about it."},
    ConfigSection{"trash",
                  "What is removed, kept for a while. Only removals count: not what is overwritten, expires or is "
                  "evicted. It is no part of any listing or quota, and gives way where space is short."},
    ConfigSection{"mount", "The mounted file system."},
    ConfigSection{"http", "The HTTP door."},
    ConfigSection{"kv", "The routes /kv and /bulk of the HTTP door, for clients of the store that they replace."},
    ConfigSection{"resp", "The Redis door."},
    ConfigSection{
        "auth",
        "API keys: who presents one (X-API-Key, Authorization: Bearer) works in the tenant that it belongs to. "
        "Keys of one tenant can also stand in its own section. A key is written as it is, or as sha256: and the "
        "64 hexadecimal digits of its SHA-256."},
    ConfigSection{"log", "What the daemon says about itself."},
    ConfigSection{
        "tenant",
        "One section for each tenant that has keys, an owner or a quota: [tenant acme], for example. The tenant "
        "is made at start. These keys have no environment variables."},
};

template <size_t... Sizes>
constexpr auto join_rows(const std::array<ConfigKey, Sizes>&... parts) {
  std::array<ConfigKey, (Sizes + ...)> rows{};
  size_t next = 0;
  ((std::copy(parts.begin(), parts.end(), rows.begin() + next), next += Sizes), ...);
  return rows;
}

inline constexpr auto kConfigKeys =
    join_rows(kStoreRows, kTrashRows, kMountRows, kHttpRows, kRespRows, kAuthRows, kLogRows, kTenantRows);

}  // namespace kvfs
