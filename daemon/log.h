// The log: spdlog's default logger as [log] asks for it.
#pragma once

#include <functional>

#include "daemon/config.h"
#include "store/result.h"

namespace kvfs {

/// What makes, or with SIGHUP makes anew, the logger that everything logs to; until it is called the one before stays.
/// `foreground`: without a file to standard error, otherwise to syslog. Errors: access_denied (the file).
Result<std::function<void()>> prepare_log(const Config& config, bool foreground);

}  // namespace kvfs
