// Bytes shown to people and written as JSON: UTF-8 as it is, everything else escaped or in base64.
#pragma once

#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// Well-formed UTF-8 (Unicode, table 3-7: no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

/// For messages: valid UTF-8 as it is, but for control characters and the backslash; those, and every byte of anything
/// that is not UTF-8 and not ASCII, as \xNN.
std::string printable(std::string_view bytes);

/// Standard alphabet, padded (RFC 4648, section 4).
std::string encode_base64(std::string_view bytes);
/// Errors: invalid.
Result<std::string> decode_base64(std::string_view text);

}  // namespace kvfs
