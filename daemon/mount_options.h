// The -o lists of mount(8), fstab and the command line: taken apart into settings, options for FUSE, and words that
// are meant for others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"
#include "store/result.h"

namespace kvfs {

/// Settings for Config::load() of one `-o` argument. A comma within a value is written as "\,".
/// Errors: invalid (an unknown option; the detail says what is accepted).
Result<std::vector<FlagSetting>> parse_mount_options(std::string_view list);

}  // namespace kvfs
