// The categories of commands that Redis's access lists know, as COMMAND tells them.
#pragma once

#include <string>
#include <vector>

#include "respbridge/command.h"

namespace kvfs::resp {

/// "@keyspace", "@write", "@slow" ...
std::vector<std::string> categories(const CommandSpec& spec);

}  // namespace kvfs::resp
