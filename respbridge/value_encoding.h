// What OBJECT ENCODING calls the form of a value: what Redis would hold it in. kvfs itself has no such forms.
#pragma once

#include <string_view>

#include "respbridge/command.h"

namespace kvfs::resp {

/// By the value alone: a text that APPEND made of digits is an "int" here, and "raw" in Redis.
std::string_view value_encoding(const Call& call, const Entry& entry);

}  // namespace kvfs::resp
