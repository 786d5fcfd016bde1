#include "daemon/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace kvfs {

namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kSizeUnits = {
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"K", uint64_t{1} << 10},
    Unit{"M", uint64_t{1} << 20},
    Unit{"G", uint64_t{1} << 30},
    Unit{"T", uint64_t{1} << 40},
};
constexpr std::array kDurationUnits = {
    Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000},
};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

/// Leading digits into `number`, what follows (trimmed) into `unit`.
bool split_number(std::string_view text, uint64_t& number, std::string_view& unit) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return false;
  unit = trimmed(text.substr(static_cast<size_t>(end - text.data())));
  return true;
}

template <size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [&](const Unit& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

bool multiply(uint64_t& number, uint64_t factor) {
  if (number > std::numeric_limits<uint64_t>::max() / factor) return false;
  number *= factor;
  return true;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result<bool> parse_boolean(std::string_view text) {
  const std::string value = upper(text);
  if (value == "YES" || value == "TRUE" || value == "ON" || value == "1") return true;
  if (value == "NO" || value == "FALSE" || value == "OFF" || value == "0") return false;
  return {Errc::invalid, "is not a switch; accepted: yes, no"};
}

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t number = 0;
  std::string_view rest;
  const Unit* unit = nullptr;
  if (split_number(text, number, rest)) {
    std::string name = upper(rest);
    if (name.size() == 3 && name.ends_with("IB")) name.resize(1);
    if (name.size() == 2 && name.ends_with("B")) name.resize(1);
    unit = find_unit(kSizeUnits, name);
  }
  if (unit == nullptr || !multiply(number, unit->factor)) {
    return {Errc::invalid, "is not a size; accepted: bytes with K, M, G or T, such as 512K or 10G"};
  }
  return number;
}

Result<uint64_t> parse_duration_ms(std::string_view text) {
  uint64_t number = 0;
  std::string_view rest;
  if (split_number(text, number, rest)) {
    if (number == 0 && rest.empty()) return uint64_t{0};
    const Unit* unit = find_unit(kDurationUnits, rest);
    if (unit != nullptr && multiply(number, unit->factor)) return number;
  }
  return {Errc::invalid, "is not a duration; accepted: a number with ms, s, m, h or d, such as 500ms or 30s"};
}

Result<int64_t> parse_integer(std::string_view text, int64_t minimum, int64_t maximum) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && !text.empty();
  if (whole && number >= minimum && number <= maximum) return number;
  if (maximum == std::numeric_limits<int64_t>::max()) {
    return {Errc::invalid, fmt::format("is not a number from {} on", minimum)};
  }
  return {Errc::invalid, fmt::format("is not a number from {} to {}", minimum, maximum)};
}

Result<double> parse_number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double number = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || !std::isfinite(number) || number < 0) {
    return {Errc::invalid, "is not a number; accepted: 0 and more, such as 100 or 0.5"};
  }
  return number;
}

Result<uint32_t> parse_mode(std::string_view text) {
  constexpr uint32_t kModeMax = 07777;
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || mode > kModeMax) {
    return {Errc::invalid, "is not a mode; accepted: octal digits such as 022"};
  }
  return mode;
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return items;
}

}  // namespace kvfs
