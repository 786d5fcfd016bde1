// Values as they are written in kvfs.ini: sizes, durations, numbers, lists. Knows nothing of keys or files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs {

// Errors of all parsers: invalid; the detail says what is accepted, e.g. "is not a size; accepted: 512K, 64M, 10G".

/// yes, no, true, false, on, off, 1, 0.
Result<bool> parse_boolean(std::string_view text);
/// Bytes: digits with an optional K, M, G or T (powers of 1024; "KiB" and "KB" mean the same).
Result<uint64_t> parse_size(std::string_view text);
/// Milliseconds: digits with ms, s, m, h or d; 0 needs no unit.
Result<uint64_t> parse_duration_ms(std::string_view text);
Result<int64_t> parse_integer(std::string_view text, int64_t minimum, int64_t maximum);
/// A decimal number >= 0.
Result<double> parse_number(std::string_view text);
/// Permission bits in octal, up to 07777.
Result<uint32_t> parse_mode(std::string_view text);
/// Items separated by commas, without the spaces around them; empty items are dropped.
std::vector<std::string> parse_list(std::string_view text);

std::string_view trimmed(std::string_view text);

}  // namespace kvfs
