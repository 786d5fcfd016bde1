// The log: spdlog's default logger as [log] asks for it.
#pragma once

#include "daemon/config.h"
#include "store/result.h"

namespace kvfs {

/// Makes, or with SIGHUP makes anew, the logger that everything logs to. `foreground`: without a file to standard
/// error, otherwise to syslog. Errors: access_denied (the file; then the logger before stays).
Result<void> set_up_log(const Config& config, bool foreground);

}  // namespace kvfs
