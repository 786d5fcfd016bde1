// What commands do with their keys, as COMMAND tells it: where the keys stand, and how each is used.
#pragma once

#include <string_view>
#include <vector>

#include "respbridge/command.h"

namespace kvfs::resp {

/// Some of a command's keys, which are used alike. Flags are Redis's, with a space between.
struct KeyUse {
  std::string_view flags;
  int begin = 1;  // where the first stands; 0: anywhere among the options
  int last = 0;   // as Redis counts: from the first on, or, if negative, from the end
  int step = 1;
  bool counted = false;  // their number stands at `begin`, and they follow
};
/// Empty: the command has no keys, or (CommandSpec::flags) none that Redis tells of.
std::vector<KeyUse> key_uses(const CommandSpec& spec);

/// How a call uses the key at `position` of its arguments.
std::string_view key_flags(const CommandSpec& spec, Args args, size_t position);

/// Whether what stands at the places of keys are the names of channels.
bool names_channels(const CommandSpec& spec);

}  // namespace kvfs::resp
