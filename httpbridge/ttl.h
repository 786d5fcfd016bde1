// Time to live as requests give it and answers tell it: seconds, with decimals where wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "httpbridge/request.h"
#include "store/result.h"

namespace kvfs::http {

inline constexpr uint64_t kTtlMsMax = uint64_t{1} << 43;  // about 278 years

/// Milliseconds from "60", "1.5", "0" (never). Errors: invalid.
Result<uint64_t> parse_ttl_ms(std::string_view text);

/// When the value put by this request expires, from the Kvfs-Ttl field or ?ttl=: since 1970, 0: never; nullopt: not
/// said.
Result<std::optional<uint64_t>> expiry_of(const Request& request, uint64_t now_ms);

/// "59.5": what is left of it.
std::string format_ttl(uint64_t expires_ms, uint64_t now_ms);

}  // namespace kvfs::http
