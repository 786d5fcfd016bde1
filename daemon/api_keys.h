// API keys from the configuration and from key files, in the form that all doors take over.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "store/result.h"

namespace kvfs {

struct ConfiguredKey {
  std::string name;    // for logs: "acme#1"; never the key
  std::string key;     // in the clear, or empty where `sha256` is given
  std::string sha256;  // 64 hexadecimal digits
  std::string tenant;  // empty: all tenants
  bool read_only = false;
  bool admin = false;
};

/// Errors: invalid (a key without tenant, given twice, a bad hash), not_found, access_denied, io (a key file). No
/// message shows a key.
Result<std::vector<ConfiguredKey>> configured_keys(const Config& config);

}  // namespace kvfs
