#include "respbridge/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace kvfs::resp {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

template <class T>
std::optional<T> parse_strictly(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return std::nullopt;
  if (digits[0] == '0' && text.size() != 1) return std::nullopt;  // "007", "-0"
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) { return parse_strictly<int64_t>(text); }
std::optional<uint64_t> parse_unsigned(std::string_view text) { return parse_strictly<uint64_t>(text); }

std::optional<long double> parse_float(std::string_view text) {
  constexpr size_t kDigitsMax = 5 * 1024;  // as Redis: longer texts are no numbers
  if (text.empty() || text.size() > kDigitsMax || text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
    return std::nullopt;
  const std::string terminated(text);
  if (terminated.find('\0') != terminated.npos) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::string format_float(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // Not fmt: its version 9 puts a 0 before some numbers from 1e100 on.
  char digits[5 * 1024];  // the largest has 4,933 before the point
  std::string text(digits, static_cast<size_t>(std::snprintf(digits, sizeof digits, "%.17Lf", value)));
  if (text.find('.') != text.npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string format_double(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_text) {
  return text.size() == lower_text.size() &&
         std::equal(text.begin(), text.end(), lower_text.begin(), [](char a, char b) { return lower(a) == b; });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  return out;
}

}  // namespace kvfs::resp
