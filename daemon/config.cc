#include "daemon/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "daemon/config_value.h"
#include "daemon/ini_file.h"
#include "store/key.h"

namespace kvfs {

namespace {

constexpr std::string_view kDefaultFile = "/etc/kvfs/kvfs.ini";
constexpr std::string_view kTenantPrefix = "tenant ";
constexpr std::string_view kEnvironmentPrefix = "KVFS_";

/// What Kubernetes sets for a service named kvfs or kvfs-SOMETHING.
bool made_by_kubernetes(std::string_view name) {
  return name.find("_SERVICE_") != std::string_view::npos || name.find("_PORT") != std::string_view::npos;
}

/// Replaces the port of an address; the address as it is where it has none.
std::string with_port(const std::string& address, std::string_view port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || address.find("unix:") != std::string::npos) return address;
  return address.substr(0, colon + 1) + std::string(port);
}

/// The tenant's name as the sections of tenants spell it.
std::string_view tenant_of(std::string_view section) { return trimmed(section.substr(kTenantPrefix.size())); }

bool is_tenants(std::string_view section) { return Config::table_section(section) != section; }

/// As Config::tenant_section() spells it, where it is a tenant's; otherwise as it is.
std::string normal_section(const std::string& section) {
  return is_tenants(section) ? Config::tenant_section(tenant_of(section)) : section;
}

Result<void> check_section(std::string_view section, std::string_view where) {
  if (section == "tenant" || find_config_section(Config::table_section(section)) == nullptr) {
    return {Errc::invalid, fmt::format("{}: unknown section [{}]; accepted: {}", where, section, accepted_sections())};
  }
  if (is_tenants(section)) {
    const auto name = check_name(tenant_of(section), "tenant");
    if (!name) return {Errc::invalid, fmt::format("{}: [{}]: {}", where, section, name.error().message())};
  }
  return {};
}

}  // namespace

std::string_view Config::table_section(std::string_view section) {
  return section.starts_with(kTenantPrefix) ? std::string_view("tenant") : section;
}

void Config::add_tenant(std::string_view section) {
  if (!is_tenants(section)) return;
  const std::string tenant(tenant_of(section));
  if (std::find(tenants_.begin(), tenants_.end(), tenant) == tenants_.end()) tenants_.push_back(tenant);
}

std::string Config::absolute(const std::string& path) const {
  return std::filesystem::absolute(std::filesystem::path(directory_) / path).lexically_normal().string();
}

const ConfigKey& Config::row(std::string_view section, std::string_view key) const {
  const ConfigKey* found = find_config_key(table_section(section), key);
  if (found == nullptr)
    throw StoreException({Errc::invalid, fmt::format("no option {}.{} in the table", section, key)});
  return *found;
}

Result<void> Config::assign(const Assignment& assignment) {
  const auto& [section, key, value, origin, append] = assignment;
  if (auto known = check_section(section, origin); !known) return known;
  const ConfigKey* row = find_config_key(table_section(section), key);
  if (row == nullptr) {
    return {Errc::invalid, fmt::format("{}: unknown key {} in [{}]; accepted: {}", origin, key, section,
                                       accepted_keys(table_section(section)))};
  }
  if (const auto checked = check_config_value(*row, value); !checked) {
    return {Errc::invalid, fmt::format("{}: {} = {}: the value {}", origin, key, row->secret ? "***" : value,
                                       checked.error().message())};
  }
  auto& target = values_[{std::string(section), std::string(key)}];
  if (append) {
    target.text += target.text.empty() || value.empty() ? "" : ", ";
    target.text += value;
    return {};
  }
  std::string text(value);
  if (row->type == ConfigType::path && !text.empty() && text != "-") text = absolute(text);
  target = {.text = std::move(text), .origin = origin};
  return {};
}

Result<void> Config::load_file(const std::string& path) {
  file_ = absolute(path);
  auto ini = read_ini(file_, path);
  if (!ini) return ini.error();
  for (const auto& [section, line] : ini->sections) {
    if (auto known = check_section(section, fmt::format("{}:{}", path, line)); !known) return known;
    add_tenant(section);
  }
  for (const auto& [raw_section, key, value, line] : ini->assignments) {
    const std::string where = fmt::format("{}:{}", path, line);
    const std::string section = normal_section(raw_section);
    const ConfigKey* row = find_config_key(table_section(section), key);
    const bool list = row != nullptr && row->type == ConfigType::list;
    if (row != nullptr && !list && values_.contains({section, key})) {
      return {Errc::invalid, fmt::format("{}: {} in [{}] was given before; only lists may go on", where, key, section)};
    }
    const bool append = list && values_.contains({section, key});
    if (auto done = assign({section, key, value, where, append}); !done) return done;
  }
  return {};
}

Result<void> Config::load_replaced_names(const EnvironmentMap& environment) {
  if (const auto path = environment.find("DB_PATH"); path != environment.end() && !path->second.empty()) {
    if (auto done = assign({"store", "path", path->second, "DB_PATH"}); !done) return done;
  }
  const auto port = environment.find("PORT");
  if (port == environment.end() || port->second.empty()) return {};
  constexpr int64_t kPortMax = 65535;
  if (const auto number = parse_integer(port->second, 0, kPortMax); !number) {
    return {Errc::invalid, fmt::format("PORT: {} {}", port->second, number.error().message())};
  }
  auto addresses = list("http", "listen");
  if (addresses.empty()) return {};
  addresses.front() = with_port(addresses.front(), port->second);
  return assign({"http", "listen", fmt::format("{}", fmt::join(addresses, ", ")), "PORT"});
}

Result<void> Config::load_environment(const EnvironmentMap& environment) {
  if (auto done = load_replaced_names(environment); !done) return done;
  for (const auto& [name, value] : environment) {
    if (name.rfind(kEnvironmentPrefix, 0) != 0) continue;
    const ConfigKey* named = nullptr;
    std::string_view section;  // that of the name, if it is one of ours
    for (const ConfigKey& candidate : config_table()) {
      if (candidate.section == "tenant") continue;
      const std::string candidate_name = environment_name(candidate);
      const size_t prefix_bytes = candidate_name.size() - candidate.key.size();
      if (name.compare(0, prefix_bytes, candidate_name, 0, prefix_bytes) == 0) section = candidate.section;
      if (candidate_name == name) named = &candidate;
    }
    if (named != nullptr) {
      if (auto done = assign({named->section, named->key, trimmed(value), name}); !done) return done;
    } else if (!section.empty() && !made_by_kubernetes(name)) {
      return {Errc::invalid, fmt::format("{}: there is no such option; the keys of [{}] are: {}", name, section,
                                         accepted_keys(section))};
    }
  }
  return {};
}

Result<void> Config::load_flags(const std::vector<FlagSetting>& flags) {
  std::vector<std::pair<std::string, std::string>> given;
  for (const auto& [raw_section, key, value, origin] : flags) {
    const std::string section = normal_section(raw_section);
    const ConfigKey* known = find_config_key(table_section(section), key);
    const std::pair name{section, key};
    const bool again = std::find(given.begin(), given.end(), name) != given.end();
    const bool append = again && known != nullptr && known->type == ConfigType::list;
    if (auto done = assign({section, key, value, origin, append}); !done) return done;
    add_tenant(section);
    given.push_back(name);
  }
  return {};
}

Result<Config> Config::load(const ConfigSources& sources) {
  Config config;
  config.directory_ = sources.directory;
  std::optional<std::string> file = sources.file;
  if (!file) {
    const auto named = sources.environment.find("KVFS_CONFIG");
    if (named != sources.environment.end() && !named->second.empty()) file = named->second;
  }
  if (!file && ::access(kDefaultFile.data(), F_OK) == 0) file = std::string(kDefaultFile);
  if (file) {
    if (auto done = config.load_file(*file); !done) return done.error();
  }
  if (auto done = config.load_environment(sources.environment); !done) return done.error();
  if (auto done = config.load_flags(sources.flags); !done) return done.error();
  return config;
}

std::string Config::text(std::string_view section, std::string_view key) const {
  const auto found = values_.find({std::string(section), std::string(key)});
  return found == values_.end() ? std::string(row(section, key).default_value) : found->second.text;
}

// Values were checked when they were assigned, defaults by a test: value() does not throw.
bool Config::boolean(std::string_view section, std::string_view key) const {
  return parse_boolean(text(section, key)).value();
}
uint64_t Config::size(std::string_view section, std::string_view key) const {
  return parse_size(text(section, key)).value();
}
uint64_t Config::duration_ms(std::string_view section, std::string_view key) const {
  return parse_duration_ms(text(section, key)).value();
}
int64_t Config::integer(std::string_view section, std::string_view key) const {
  const ConfigKey& found = row(section, key);
  return parse_integer(text(section, key), found.minimum, found.maximum).value();
}
double Config::number(std::string_view section, std::string_view key) const {
  return parse_number(text(section, key)).value();
}
std::vector<std::string> Config::list(std::string_view section, std::string_view key) const {
  return parse_list(text(section, key));
}

std::string Config::origin(std::string_view section, std::string_view key) const {
  const auto found = values_.find({std::string(section), std::string(key)});
  return found == values_.end() ? "default" : found->second.origin;
}

std::vector<std::string> Config::changed_beyond_reload(const Config& other) const {
  std::vector<std::string> changed;
  for (const ConfigKey& row : config_table()) {
    if (row.reload || row.section == "tenant") continue;
    if (text(row.section, row.key) != other.text(row.section, row.key)) {
      changed.push_back(fmt::format("{}.{}", row.section, row.key));
    }
  }
  return changed;
}

}  // namespace kvfs
