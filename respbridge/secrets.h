// Which arguments nobody is to read in a log.
#pragma once

#include "respbridge/command.h"
#include "respbridge/numbers.h"

namespace kvfs::resp {

inline constexpr std::string_view kRedacted = "(redacted)";  // as Redis shows them

/// How many arguments behind the one at `at` are names and keys of AUTH.
inline size_t secrets_after(Args args, size_t at) {
  if (at == 0 && equals_ignoring_case(args[0], "auth")) return args.size() - 1;
  return at >= 2 && equals_ignoring_case(args[0], "hello") && equals_ignoring_case(args[at], "auth") ? 2 : 0;
}

}  // namespace kvfs::resp
