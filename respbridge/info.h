// The text of INFO.
#pragma once

#include <set>
#include <string>

#include "respbridge/command.h"

namespace kvfs::resp {

/// The sections named (lower case), in Redis's order; empty: the default ones. What is not known is left out.
std::string info_text(Call& call, const std::set<std::string, std::less<>>& sections);

}  // namespace kvfs::resp
