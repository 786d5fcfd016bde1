// What a removed value is called for people: when it was removed, and where it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/trash.h"

namespace kvfs {

/// "20261121T162005.123Z-0.collection%dir%file": at most 255 bytes, the path's end where it is longer, never the same
/// for two removals of a tenant, and in the order of their removal.
std::string trash_name(const Trashed& removed);
/// The removal that a name speaks of, were it there; nullopt: it is no such name.
std::optional<Version> parse_trash_name(std::string_view name);

/// Seconds since 1970 with three decimals.
std::string seconds_text_ms(uint64_t ms);

}  // namespace kvfs
