#include "daemon/api_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "daemon/config_value.h"
#include "daemon/text_file.h"
#include "store/key.h"

namespace kvfs {

namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr size_t kHashDigits = 64;
constexpr size_t kKeyBytesMin = 1;

struct Rights {
  bool read_only = false;
  bool admin = false;
};

class Collector {
 public:
  /// `where` names the place of the key for errors.
  Result<void> add(std::string_view key, std::string_view tenant, Rights rights, const std::string& where) {
    if (!tenant.empty()) {
      if (const auto name = check_name(tenant, "tenant"); !name) {
        return {Errc::invalid, fmt::format("{}: {}", where, name.error().message())};
      }
    }
    ApiKey added;
    added.tenant = tenant;
    added.read_only = rights.read_only;
    added.admin = rights.admin;
    if (key.substr(0, kHashPrefix.size()) == kHashPrefix) {
      added.sha256 = key.substr(kHashPrefix.size());
      const bool digits =
          std::all_of(added.sha256.begin(), added.sha256.end(), [](unsigned char c) { return ::isxdigit(c); });
      if (added.sha256.size() != kHashDigits || !digits) {
        return {Errc::invalid,
                fmt::format("{}: sha256: must be followed by {} hexadecimal digits (printf %s KEY | sha256sum)", where,
                            kHashDigits)};
      }
    } else {
      added.key = key;
      if (added.key.size() < kKeyBytesMin) return {Errc::invalid, fmt::format("{}: a key is empty", where)};
    }
    if (!seen_.insert(std::string(key)).second) return {Errc::invalid, fmt::format("{}: a key is given twice", where)};
    const std::string owner = tenant.empty() ? "admin" : std::string(tenant);
    added.name = fmt::format("{}#{}", owner, ++count_[owner]);
    keys_.push_back(std::move(added));
    return {};
  }

  std::vector<ApiKey> take() { return std::move(keys_); }

 private:
  std::vector<ApiKey> keys_;
  std::set<std::string> seen_;
  std::map<std::string, int> count_;
};

/// Lines of a file without comments, each with its number.
Result<std::vector<std::pair<int, std::string>>> read_lines(const std::string& path, const std::string& origin) {
  const auto text = read_text_file(path);
  if (!text) return {text.error().code, fmt::format("{}: keys_file {}", origin, text.error().detail)};
  std::istringstream in(*text);
  std::vector<std::pair<int, std::string>> lines;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string_view content = trimmed(line);
    if (!content.empty() && content.front() != '#') lines.emplace_back(number, content);
  }
  return lines;
}

Result<void> add_shared_file(const Config& config, Collector& collector) {
  const std::string path = config.text("auth", "keys_file");
  if (path.empty()) return {};
  const auto lines = read_lines(path, config.origin("auth", "keys_file"));
  if (!lines) return lines.error();
  for (const auto& [number, line] : *lines) {
    const std::string where = fmt::format("{}:{}", path, number);
    std::istringstream fields(line);
    std::string key;
    std::string tenant;
    std::string word;
    if (!(fields >> key >> tenant))
      return {Errc::invalid, fmt::format("{}: accepted: KEY TENANT [read_only|admin]", where)};
    Rights rights{.read_only = false, .admin = tenant == "*"};
    while (fields >> word) {
      if (word == "read_only")
        rights.read_only = true;
      else if (word == "admin")
        rights.admin = true;
      else
        return {Errc::invalid, fmt::format("{}: {}: accepted after the tenant: read_only, admin", where, word)};
    }
    if (auto added = collector.add(key, tenant == "*" ? "" : tenant, rights, where); !added) return added;
  }
  return {};
}

Result<void> add_shared(const Config& config, Collector& collector) {
  for (const std::string& item : config.list("auth", "keys")) {
    const std::string where = config.origin("auth", "keys");
    const size_t equals = item.rfind('=');
    if (equals == std::string::npos || equals + 1 == item.size()) {
      return {Errc::invalid, fmt::format("{}: keys: each item must be KEY=TENANT", where)};
    }
    if (auto added = collector.add(trimmed(item.substr(0, equals)), trimmed(item.substr(equals + 1)), {}, where);
        !added)
      return added;
  }
  for (const std::string& key : config.list("auth", "admin_keys")) {
    const Rights rights{.read_only = false, .admin = true};
    if (auto added = collector.add(key, "", rights, config.origin("auth", "admin_keys")); !added) return added;
  }
  return add_shared_file(config, collector);
}

Result<void> add_of_tenant(const Config& config, const std::string& tenant, Collector& collector) {
  const std::string section = Config::tenant_section(tenant);
  const std::pair<std::string_view, Rights> lists[] = {{"keys", {.read_only = false, .admin = false}},
                                                       {"read_only_keys", {.read_only = true, .admin = false}},
                                                       {"admin_keys", {.read_only = false, .admin = true}}};
  for (const auto& [name, rights] : lists) {
    for (const std::string& key : config.list(section, name)) {
      if (auto added = collector.add(key, tenant, rights, config.origin(section, name)); !added) return added;
    }
  }
  const std::string path = config.text(section, "keys_file");
  if (path.empty()) return {};
  const auto lines = read_lines(path, config.origin(section, "keys_file"));
  if (!lines) return lines.error();
  for (const auto& [number, line] : *lines) {
    if (auto added = collector.add(line, tenant, {}, fmt::format("{}:{}", path, number)); !added) return added;
  }
  return {};
}

}  // namespace

Result<std::vector<ApiKey>> configured_keys(const Config& config) {
  Collector collector;
  if (auto added = add_shared(config, collector); !added) return added.error();
  for (const std::string& tenant : config.tenants()) {
    if (auto added = add_of_tenant(config, tenant, collector); !added) return added.error();
  }
  return collector.take();
}

}  // namespace kvfs
