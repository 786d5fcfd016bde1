// From the configuration to the options of each part: one line for each key of the table.
#pragma once

#include <string>

#include "daemon/config.h"
#include "fusefs/mount.h"
#include "store/result.h"
#include "store/snapshots.h"
#include "store/store.h"

namespace kvfs {

StoreOptions store_options(const Config& config);
SnapshotOptions snapshot_options(const Config& config);
MountOptions mount_options(const Config& config, const std::string& mount_point);

/// Makes the tenants of the configuration with their owners, and sets their quotas. Errors: of the store.
Result<void> apply_tenants(const Config& config, Store& store);

}  // namespace kvfs
