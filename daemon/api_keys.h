// API keys from the configuration and from key files, in the form that all doors take over.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "store/api_keys.h"
#include "store/result.h"

namespace kvfs {

/// Errors: invalid (a key without tenant, given twice, a bad hash), not_found, access_denied, io (a key file). No
/// message shows a key.
Result<std::vector<ApiKey>> configured_keys(const Config& config);

}  // namespace kvfs
