#include "httpbridge/ttl.h"

#include <charconv>

#include "httpbridge/url.h"

namespace kvfs::http {

Result<uint64_t> parse_ttl_ms(std::string_view text) {
  const Error bad{Errc::invalid,
                  "a time to live is a number of seconds such as 60 or 0.5 (0: never), at most 278 years"};
  const size_t point = std::min(text.find('.'), text.size());
  uint64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + point, seconds);
  if (point == 0 || error != std::errc() || stop != text.data() + point || seconds > kTtlMsMax / 1000) return bad;
  uint64_t ms = seconds * 1000;
  if (point == text.size()) return ms;
  const std::string_view decimals = text.substr(point + 1);
  if (decimals.empty() || decimals.find_first_not_of("0123456789") != std::string_view::npos) return bad;
  uint64_t scale = 100;
  for (size_t i = 0; i < decimals.size() && i < 3; ++i, scale /= 10)
    ms += static_cast<uint64_t>(decimals[i] - '0') * scale;
  if (ms == 0 && decimals.find_first_not_of('0') != std::string_view::npos) ms = 1;
  return ms;
}

Result<std::optional<uint64_t>> expiry_of(const Request& request, uint64_t now_ms) {
  std::optional<std::string> text;
  if (request.headers.kvfs_ttl.data() != nullptr) {
    text = std::string(request.headers.kvfs_ttl);
  } else if (request.query.find("ttl=") != std::string_view::npos) {
    auto field = query_value(request.query, "ttl");
    if (!field) return field.error();
    text = std::move(*field);
  }
  if (!text) return std::optional<uint64_t>();
  const auto ms = parse_ttl_ms(*text);
  if (!ms) return ms.error();
  return std::optional<uint64_t>(*ms == 0 ? 0 : now_ms + *ms);
}

std::string format_ttl(uint64_t expires_ms, uint64_t now_ms) {
  const uint64_t left = expires_ms > now_ms ? expires_ms - now_ms : 0;
  std::string out = std::to_string(left / 1000);
  if (left % 1000 != 0) {
    std::string decimals = std::to_string(1000 + left % 1000).substr(1);
    while (decimals.back() == '0') decimals.pop_back();
    out += "." + decimals;
  }
  return out;
}

}  // namespace kvfs::http
