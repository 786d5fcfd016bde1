// What MONITOR shows of a command.
#pragma once

#include <cstdint>
#include <string>

#include "respbridge/client.h"
#include "respbridge/command.h"

namespace kvfs::resp {

/// Administrators' commands are not shown, as in Redis.
bool is_monitored(const CommandSpec& spec);

/// A status reply; keys of AUTH are redacted.
std::string monitor_line(const Client& client, Args args, uint64_t now_ms);

}  // namespace kvfs::resp
