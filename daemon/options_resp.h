// From the configuration to the options of the Redis door.
#pragma once

#include "daemon/config.h"
#include "respbridge/options.h"
#include "store/result.h"

namespace kvfs {

/// Errors: as configured_keys().
Result<resp::RespOptions> resp_options(const Config& config);

}  // namespace kvfs
