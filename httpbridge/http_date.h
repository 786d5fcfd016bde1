// Dates of HTTP header fields (RFC 9110, IMF-fixdate) and of JSON answers (RFC 3339). UTC, no locale.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace kvfs::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT". `unix_seconds` outside of years 1..9999 are cut to them.
std::string format_http_date(int64_t unix_seconds);
/// The three formats of RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", and the obsolete
/// "Sunday, 06-Nov-94 08:49:37 GMT" (a year more than 50 years from `unix_seconds_now` on is one of the century before)
/// and "Sun Nov  6 08:49:37 1994". Anything else is nullopt, which makes the condition it stands in void.
std::optional<int64_t> parse_http_date(std::string_view text, int64_t unix_seconds_now = std::time(nullptr));

/// Appends "1994-11-06T08:49:37.123Z" without quotes.
void append_rfc3339(std::string& out, int64_t unix_ns);

}  // namespace kvfs::http
