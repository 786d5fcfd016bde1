#include "httpbridge/range.h"

#include <algorithm>
#include <charconv>
#include <optional>

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

enum class Spec { range, unsatisfiable, malformed };

/// "0-3", "7-" or "-2".
Spec parse_spec(std::string_view text, uint64_t size, ByteRange& range) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return Spec::malformed;
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return Spec::malformed;
    if (*last == 0 || size == 0) return Spec::unsatisfiable;
    const uint64_t length = std::min(*last, size);
    range = {size - length, length};
    return Spec::range;
  }
  if (!first || (!last && dash + 1 != text.size()) || (last && *last < *first)) return Spec::malformed;
  if (*first >= size) return Spec::unsatisfiable;
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  range = {*first, end - *first + 1};
  return Spec::range;
}

}  // namespace

RangeOutcome evaluate_range(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const RangeOutcome whole;
  const auto same = [](char c, char lower) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == lower; };
  const std::string_view unit = field.substr(0, kUnit.size());
  if (!std::equal(unit.begin(), unit.end(), kUnit.begin(), kUnit.end(), same)) return whole;
  field.remove_prefix(kUnit.size());
  RangeOutcome outcome{RangeOutcome::Kind::parts, {}};
  size_t specs = 0;
  uint64_t left = size;
  while (!field.empty()) {
    const size_t comma = std::min(field.find(','), field.size());
    std::string_view spec = field.substr(0, comma);
    field.remove_prefix(std::min(comma + 1, field.size()));
    while (!spec.empty() && (spec.front() == ' ' || spec.front() == '\t')) spec.remove_prefix(1);
    while (!spec.empty() && (spec.back() == ' ' || spec.back() == '\t')) spec.remove_suffix(1);
    if (spec.empty()) continue;
    if (++specs > kRangesMax) return whole;
    ByteRange range;
    const Spec kind = parse_spec(spec, size, range);
    if (kind == Spec::malformed || range.length > left) return whole;
    left -= range.length;
    if (kind == Spec::range) outcome.ranges.push_back(range);
  }
  if (specs == 0) return whole;
  if (outcome.ranges.empty()) outcome.kind = RangeOutcome::Kind::unsatisfiable;
  return outcome;
}

std::string content_range(const ByteRange& range, uint64_t size) {
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.length - 1) + "/" +
         std::to_string(size);
}

}  // namespace kvfs::http
