// Values of the virtual attributes user.kvfs.*.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/tree.h"

namespace kvfs {

/// Digits alone, but for a line feed or NUL at the end.
std::optional<uint64_t> parse_xattr_number(std::string_view text);

/// What setting a virtual attribute changes. Errors: invalid, not_permitted.
Result<AttributeChange> virtual_change(std::string_view name, std::string_view value, uint64_t now_ms);

/// What a user.kvfs.* attribute says of an entry. Errors: no_attribute.
Result<std::string> virtual_xattr(const ReadTxn& txn, const Entry& entry, std::string_view name);

}  // namespace kvfs
