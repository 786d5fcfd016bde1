#include "respbridge/config_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kClasses[] = {"normal", "slave", "pubsub"};

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + separator.size());
  }
}

std::optional<size_t> class_of(std::string_view name) {
  if (equals_ignoring_case(name, "replica")) name = "slave";
  for (size_t i = 0; i < std::size(kClasses); ++i)
    if (equals_ignoring_case(name, kClasses[i])) return i;
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> parse_memory(std::string_view text) {
  const std::string lower = lower_case(text);
  const size_t digits = std::min(lower.find_first_not_of("0123456789"), lower.size());
  const std::optional<int64_t> number = parse_integer(std::string_view(lower).substr(0, digits));
  if (!number) return std::nullopt;
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"", 1},          {"b", 1},        {"k", 1000},          {"kb", 1 << 10},
      {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1'000'000'000}, {"gb", 1 << 30},
  };
  for (const auto& [unit, factor] : kUnits)
    if (lower.substr(digits) == unit) {
      int64_t out = 0;
      if (__builtin_mul_overflow(*number, factor, &out)) return std::nullopt;
      return out;
    }
  return std::nullopt;
}

Result<std::string> checked_choice(std::string_view names, std::string_view value) {
  for (const std::string_view name : split(names, ", "))
    if (equals_ignoring_case(value, name)) return std::string(name);
  return {Errc::invalid, fmt::format("argument(s) must be one of the following: {}", names)};
}

Result<std::string> checked_save_points(std::string_view value) {
  if (value.empty()) return std::string();
  const std::vector<std::string_view> words = split(value, " ");
  bool good = words.size() % 2 == 0;
  for (size_t i = 0; good && i < words.size(); ++i) {
    const std::optional<int64_t> number = parse_integer(words[i]);
    good = number && *number >= (i % 2 == 0 ? 1 : 0);
  }
  if (!good) return {Errc::invalid, "Invalid save parameters"};
  return std::string(value);
}

Result<std::vector<double>> parse_percentiles(std::string_view value) {
  std::vector<double> out;
  if (value.empty()) return out;
  for (const std::string_view word : split(value, " ")) {
    const std::optional<long double> number = parse_float(word);
    if (!number) return {Errc::invalid, "Invalid latency-tracking-info-percentiles parameters"};
    if (*number < 0 || *number > 100)
      return {Errc::invalid, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"};
    out.push_back(static_cast<double>(*number));
  }
  return out;
}

std::string format_percentile(double percentile) { return fmt::format("{}", percentile); }

Result<std::string> checked_percentiles(std::string_view value) {
  const Result<std::vector<double>> percentiles = parse_percentiles(value);
  if (!percentiles) return percentiles.error();
  std::string out;
  for (const double each : *percentiles) out.append(out.empty() ? "" : " ").append(format_percentile(each));
  return out;
}

Result<OutputLimits> parse_output_limits(std::string_view value, OutputLimits before) {
  if (value.empty()) return before;
  const std::vector<std::string_view> words = split(value, " ");
  if (words.size() % 4 != 0) return {Errc::invalid, "Wrong number of arguments in buffer limit configuration."};
  for (size_t i = 0; i < words.size(); i += 4) {
    const std::optional<size_t> which = class_of(words[i]);
    if (!which) return {Errc::invalid, "Invalid client class specified in buffer limit configuration."};
    const std::optional<int64_t> hard = parse_memory(words[i + 1]);
    const std::optional<int64_t> soft = parse_memory(words[i + 2]);
    const std::optional<int64_t> seconds = parse_integer(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0)
      return {Errc::invalid, "Error in hard, soft or soft_seconds setting in buffer limit configuration."};
    before[*which] = {static_cast<uint64_t>(*hard), static_cast<uint64_t>(*soft), static_cast<uint64_t>(*seconds)};
  }
  return before;
}

std::string format_output_limits(const OutputLimits& limits) {
  std::string out;
  for (size_t i = 0; i < limits.size(); ++i)
    out +=
        fmt::format("{}{} {} {} {}", i == 0 ? "" : " ", kClasses[i], limits[i].hard, limits[i].soft, limits[i].soft_s);
  return out;
}

}  // namespace kvfs::resp
