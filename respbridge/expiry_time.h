// The times that SET, GETEX, EXPIRE and their kin take: relative or absolute, in seconds or milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "respbridge/command.h"

namespace kvfs::resp {

struct TimeForm {
  bool seconds = true;
  bool absolute = false;
  bool operator==(const TimeForm&) const = default;
};

/// Milliseconds since 1970. nullopt: it does not fit; the error naming the command has been replied.
/// `positive`: 0 and less are refused, too (SET EX 0).
std::optional<int64_t> expiry_time(Call& call, std::string_view argument, TimeForm form, bool positive);

}  // namespace kvfs::resp
