#include "daemon/config_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/config_rows.h"
#include "daemon/config_value.h"
#include "store/engine/engine.h"

namespace kvfs {

namespace {

constexpr int64_t kDurationMsMax = int64_t{100} * 365 * 24 * 3600 * 1000;  // may be added to any time

template <class Range, class Name>
std::string joined(const Range& range, Name name) {
  std::string result;
  for (const auto& item : range) {
    const std::string text = name(item);
    if (text.empty()) continue;
    if (!result.empty()) result += ", ";
    result += text;
  }
  return result;
}

}  // namespace

std::span<const ConfigSection> config_sections() { return kConfigSections; }
std::span<const ConfigKey> config_table() { return kConfigKeys; }

const ConfigSection* find_config_section(std::string_view name) {
  const auto found = std::find_if(kConfigSections.begin(), kConfigSections.end(),
                                  [&](const ConfigSection& section) { return section.name == name; });
  return found == kConfigSections.end() ? nullptr : &*found;
}

const ConfigKey* find_config_key(std::string_view section, std::string_view key) {
  const auto found = std::find_if(kConfigKeys.begin(), kConfigKeys.end(),
                                  [&](const ConfigKey& row) { return row.section == section && row.key == key; });
  return found == kConfigKeys.end() ? nullptr : &*found;
}

std::string accepted_keys(std::string_view section) {
  return joined(kConfigKeys,
                [&](const ConfigKey& row) { return row.section == section ? std::string(row.key) : std::string(); });
}

std::string accepted_sections() {
  return joined(kConfigSections, [](const ConfigSection& section) {
    return section.name == "tenant" ? std::string("[tenant NAME]") : fmt::format("[{}]", section.name);
  });
}

std::string describe_type(const ConfigKey& key) {
  switch (key.type) {
    case ConfigType::text:
      return "text";
    case ConfigType::path:
      return "path";
    case ConfigType::size:
      return "size";
    case ConfigType::duration:
      return "duration";
    case ConfigType::own_duration:
      return "duration, or store";
    case ConfigType::boolean:
      return "yes or no";
    case ConfigType::integer:
      return key.maximum == std::numeric_limits<int64_t>::max()
                 ? fmt::format("number from {} on", key.minimum)
                 : fmt::format("number from {} to {}", key.minimum, key.maximum);
    case ConfigType::number:
      return "number, fractions allowed";
    case ConfigType::mode:
      return "octal mode";
    case ConfigType::choice:
      return fmt::format("one of {}", key.choices);
    case ConfigType::list:
      return "list, separated by commas";
    case ConfigType::durability:
      return "one of default, strict, every=N, interval=MS";
  }
  return {};
}

Result<void> check_config_value(const ConfigKey& key, std::string_view value) {
  const auto outcome = [](const auto& result) -> Result<void> {
    if (!result) return result.error();
    return {};
  };
  const auto within = [&](const Result<uint64_t>& parsed, std::string_view unit, int64_t most) -> Result<void> {
    if (!parsed) return parsed.error();
    const auto maximum = static_cast<uint64_t>(std::min(key.maximum, most));
    if (*parsed < static_cast<uint64_t>(key.minimum))
      return {Errc::invalid, fmt::format("is too small: at least {}{}", key.minimum, unit)};
    if (*parsed > maximum) return {Errc::invalid, fmt::format("is too large: at most {}{}", maximum, unit)};
    return {};
  };
  switch (key.type) {
    case ConfigType::text:
    case ConfigType::path:
    case ConfigType::list:
      return {};
    case ConfigType::size:
      return within(parse_size(value), " bytes", key.maximum);
    case ConfigType::duration:
      return within(parse_duration_ms(value), "ms", kDurationMsMax);
    case ConfigType::own_duration:
      return value == "store" ? Result<void>() : within(parse_duration_ms(value), "ms", kDurationMsMax);
    case ConfigType::boolean:
      return outcome(parse_boolean(value));
    case ConfigType::integer:
      return outcome(parse_integer(value, key.minimum, key.maximum));
    case ConfigType::number:
      return outcome(parse_number(value));
    case ConfigType::mode:
      return value.empty() ? Result<void>() : outcome(parse_mode(value));
    case ConfigType::choice: {
      const auto choices = parse_list(key.choices);
      if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
      return {Errc::invalid, fmt::format("is not known here; accepted: {}", key.choices)};
    }
    case ConfigType::durability:
      if (parse_durability(value)) return {};
      return {Errc::invalid,
              "is not a policy; accepted: default, strict, every=N (operations), interval=MS (milliseconds)"};
  }
  return {};
}

std::string environment_name(const ConfigKey& key) {
  std::string name = fmt::format("KVFS_{}_{}", key.section, key.key);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

}  // namespace kvfs
