// Numbers in requests and values, as strictly as Redis reads them and in the form in which it writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvfs::resp {

/// Decimal, the whole text, no leading zeros, spaces or plus sign, within 64 bits.
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<uint64_t> parse_unsigned(std::string_view text);
/// A finite or infinite floating-point number, the whole text, no leading space; not NaN.
std::optional<long double> parse_float(std::string_view text);

/// Without exponent, up to 17 digits after the point, trailing zeros cut: "10.5", "3".
std::string format_float(long double value);
/// The shortest text that reads back the same double (RESP3 doubles).
std::string format_double(double value);

bool equals_ignoring_case(std::string_view text, std::string_view lower);
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

}  // namespace kvfs::resp
