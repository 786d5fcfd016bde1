// The effective configuration: defaults, kvfs.ini, the environment and flags, in this order of growing precedence,
// each value checked where it is given and remembered with its origin.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config_table.h"
#include "store/result.h"

namespace kvfs {

using EnvironmentMap = std::map<std::string, std::string>;

/// One setting of a flag.
struct FlagSetting {
  std::string section;
  std::string key;
  std::string value;
  std::string origin;  // as typed, for messages: "-o http.listen=..."
};

struct ConfigSources {
  /// nullopt: KVFS_CONFIG, or /etc/kvfs/kvfs.ini where there is one, or none.
  std::optional<std::string> file;
  EnvironmentMap environment;
  std::vector<FlagSetting> flags;
  /// Where relative paths begin; empty: in the current directory, which a daemon leaves.
  std::string directory = {};
};

/// Immutable after load(); copies are independent.
class Config {
 public:
  /// Errors: invalid, not_found, access_denied, io; each a line that names the place and what is accepted.
  static Result<Config> load(const ConfigSources& sources);

  // Values by section and key. REQUIRES: the key is in the table and of that type.
  std::string text(std::string_view section, std::string_view key) const;
  bool boolean(std::string_view section, std::string_view key) const;
  uint64_t size(std::string_view section, std::string_view key) const;
  uint64_t duration_ms(std::string_view section, std::string_view key) const;
  int64_t integer(std::string_view section, std::string_view key) const;
  double number(std::string_view section, std::string_view key) const;
  std::vector<std::string> list(std::string_view section, std::string_view key) const;

  /// Where the value comes from: "default", "kvfs.ini:12", "KVFS_HTTP_LISTEN", "-o http.listen=...".
  std::string origin(std::string_view section, std::string_view key) const;

  /// Names of the tenants that have a section "[tenant NAME]", in the order of the file. Their keys are found in the
  /// section tenant_section(NAME).
  const std::vector<std::string>& tenants() const { return tenants_; }
  static std::string tenant_section(std::string_view tenant) { return "tenant " + std::string(tenant); }
  /// The section of the table that a section belongs to: "tenant" for those of tenants.
  static std::string_view table_section(std::string_view section);

  /// The file that was read; empty: none.
  const std::string& file() const { return file_; }

  /// All values with their origins as an INI file, secrets masked.
  std::string print() const;

  /// Keys whose values differ in `other` and which SIGHUP does not take over, as "section.key".
  std::vector<std::string> changed_beyond_reload(const Config& other) const;

 private:
  struct Value {
    std::string text;
    std::string origin;
  };
  struct Assignment {
    std::string_view section;
    std::string_view key;
    std::string_view value;
    std::string origin;
    bool append = false;  // to a list that this origin has begun
  };
  Result<void> assign(const Assignment& assignment);
  Result<void> load_file(const std::string& path);
  Result<void> load_environment(const EnvironmentMap& environment);
  Result<void> load_replaced_names(const EnvironmentMap& environment);
  void add_tenant(std::string_view section);
  std::string absolute(const std::string& path) const;
  Result<void> load_flags(const std::vector<FlagSetting>& flags);
  const ConfigKey& row(std::string_view section, std::string_view key) const;

  std::map<std::pair<std::string, std::string>, Value> values_;  // what is not at its default
  std::vector<std::string> tenants_;
  std::string file_;
  std::string directory_;
};

/// The table as a documented INI file with every option commented out at its default: the shipped kvfs.ini.
std::string documented_ini();
/// The table as the manual page kvfs.ini(5), in man(7) markup.
std::string manual_page();

}  // namespace kvfs
