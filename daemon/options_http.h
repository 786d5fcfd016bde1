// From the configuration to the options of the HTTP door.
#pragma once

#include "daemon/config.h"
#include "httpbridge/options.h"
#include "store/result.h"

namespace kvfs {

/// Errors: as configured_keys().
Result<http::HttpOptions> http_options(const Config& config);

}  // namespace kvfs
