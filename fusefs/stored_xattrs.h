// Extended attributes as they stand encoded in an entry (entry.h), and what setxattr(2) and removexattr(2) make of
// them.
#pragma once

#include <string>
#include <string_view>

#include "store/entry.h"

namespace kvfs {

/// `flags`: XATTR_CREATE, XATTR_REPLACE or 0. Errors: exists, no_attribute, corrupt.
Result<std::string> with_xattr(std::string_view encoded, std::string_view name, std::string_view value, int flags);
/// Errors: no_attribute, corrupt.
Result<std::string> without_xattr(std::string_view encoded, std::string_view name);

}  // namespace kvfs
