#include "httpbridge/url.h"

namespace kvfs::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<void> decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return {Errc::invalid, "'%' in a URL must be followed by two hexadecimal digits (a '%' itself is %25)"};
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_is_space && c == '+' ? ' ' : c);
    }
  }
  return {};
}

}  // namespace

Result<void> percent_decode(std::string_view text, std::string& out) {
  if (text.find('%') == std::string_view::npos) {
    out.assign(text);
    return {};
  }
  return decode(text, false, out);
}

std::string percent_encode(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || c == '/';
    if (plain)
      out.push_back(c);
    else
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

Result<bool> QueryFields::next() {
  while (!rest_.empty()) {
    const size_t end = rest_.find('&');
    const std::string_view field = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (field.empty()) continue;
    const size_t equals = field.find('=');
    if (auto r = decode(field.substr(0, equals), true, name_); !r) return r.error();
    value_.clear();
    if (equals == std::string_view::npos) return true;
    if (auto r = decode(field.substr(equals + 1), true, value_); !r) return r.error();
    return true;
  }
  return false;
}

Result<std::optional<std::string>> query_value(std::string_view query, std::string_view name) {
  QueryFields fields(query);
  for (;;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) return std::optional<std::string>();
    if (fields.name() == name) return std::optional<std::string>(fields.value());
  }
}

}  // namespace kvfs::http
