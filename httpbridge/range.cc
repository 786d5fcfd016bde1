#include "httpbridge/range.h"

#include <algorithm>
#include <charconv>

namespace kvfs::http {

namespace {

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || stop != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  if (error != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

RangeOutcome evaluate_range(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const RangeOutcome whole;
  const auto same = [](char c, char lower) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == lower; };
  const std::string_view unit = field.substr(0, kUnit.size());
  if (!std::equal(unit.begin(), unit.end(), kUnit.begin(), kUnit.end(), same)) return whole;
  field.remove_prefix(kUnit.size());
  constexpr std::string_view kBetween = " \t,";
  const size_t begin = field.find_first_not_of(kBetween);
  if (begin == std::string_view::npos) return whole;
  field = field.substr(begin, field.find_last_not_of(kBetween) - begin + 1);
  const size_t dash = field.find('-');
  if (dash == std::string_view::npos || field.find(',') != std::string_view::npos) return whole;
  const auto first = number(field.substr(0, dash));
  const auto last = number(field.substr(dash + 1));
  const RangeOutcome unsatisfiable{RangeOutcome::Kind::unsatisfiable, {}};
  if (dash == 0) {  // the last so many bytes
    if (!last) return whole;
    if (*last == 0 || size == 0) return unsatisfiable;
    const uint64_t length = std::min(*last, size);
    return {RangeOutcome::Kind::part, {size - length, length}};
  }
  if (!first || (!last && dash + 1 != field.size()) || (last && *last < *first)) return whole;
  if (*first >= size) return unsatisfiable;
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {RangeOutcome::Kind::part, {*first, end - *first + 1}};
}

}  // namespace kvfs::http
