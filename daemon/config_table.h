// The one list of all options: what kvfs.ini, the environment and -o accept, what the shipped kvfs.ini and the manual
// page say. To add an option: a row in config_table.cc, its use in options.cc, then `ninja -C build config-docs`.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

enum class ConfigType {
  text,
  path,  // made absolute when read
  size,
  duration,
  own_duration,  // a duration, or "store": as the store says
  boolean,
  integer,
  number,
  mode,
  choice,
  list,
  durability,
};

struct ConfigKey {
  std::string_view section;
  std::string_view key;
  ConfigType type;
  std::string_view default_value;
  std::string_view help;  // sentences; the first one is the summary
  bool secret = false;    // never printed
  bool reload = false;    // taken over by SIGHUP
  int64_t minimum = 0;    // integer, size (bytes), duration (ms)
  int64_t maximum = std::numeric_limits<int64_t>::max();
  std::string_view choices = {};  // choice: "a, b, c"
};

struct ConfigSection {
  std::string_view name;
  std::string_view help;
};

/// In the order in which they are documented. The section "tenant" stands for all sections "[tenant NAME]".
std::span<const ConfigSection> config_sections();
std::span<const ConfigKey> config_table();

/// nullptr: there is none.
const ConfigSection* find_config_section(std::string_view name);
const ConfigKey* find_config_key(std::string_view section, std::string_view key);

/// The keys of a section, or the names of all sections, as a sentence's list: "a, b, c".
std::string accepted_keys(std::string_view section);
std::string accepted_sections();

/// What values of the key look like, for documents: "size", "yes or no", "one of a, b".
std::string describe_type(const ConfigKey& key);

/// Errors: invalid; the detail completes the sentence "VALUE ...".
Result<void> check_config_value(const ConfigKey& key, std::string_view value);

/// KVFS_SECTION_KEY.
std::string environment_name(const ConfigKey& key);

}  // namespace kvfs
