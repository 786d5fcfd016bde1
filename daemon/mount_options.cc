#include "daemon/mount_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/config.h"
#include "daemon/config_table.h"
#include "daemon/config_value.h"

namespace kvfs {

namespace {

struct Alias {
  std::string_view option;
  std::string_view key;  // in [mount]
  std::string_view value;
};

/// Options with a meaning of their own here.
constexpr std::array kAliases = {
    Alias{"ro", "read_only", "yes"},
    Alias{"rw", "read_only", "no"},
    Alias{"allow_other", "allow_other", "yes"},
    Alias{"no_allow_other", "allow_other", "no"},
    Alias{"nonempty", "nonempty", "yes"},
    Alias{"acl", "acl", "yes"},
    Alias{"noacl", "acl", "no"},
};

/// What libfuse takes.
constexpr std::array<std::string_view, 13> kPassed = {
    "atime",
    "noatime",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "auto_unmount",
    "default_permissions",
};

/// What is so, as far as it makes a difference here, and what libfuse has no word for: lines of fstab have them.
constexpr std::array<std::string_view, 5> kSoAnyway = {"relatime", "diratime", "nodiratime", "lazytime", "nolazytime"};

/// For mount(8), fstab and systemd, of no meaning to a file system.
constexpr std::array<std::string_view, 12> kIgnored = {
    "defaults", "_netdev", "nofail", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_rnetdev", "loud",
};
constexpr std::array<std::string_view, 3> kIgnoredPrefixes = {"x-", "X-", "comment="};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool ignored(std::string_view option) {
  return option.empty() || contains(kIgnored, option) || contains(kSoAnyway, option) ||
         std::any_of(kIgnoredPrefixes.begin(), kIgnoredPrefixes.end(),
                     [&](std::string_view prefix) { return option.substr(0, prefix.size()) == prefix; });
}

/// Splits at commas that no backslash stands before.
std::vector<std::string> split_options(std::string_view list) {
  std::vector<std::string> options(1);
  for (size_t i = 0; i < list.size(); ++i) {
    const bool escaped_comma = list[i] == '\\' && i + 1 < list.size() && list[i + 1] == ',';
    if (escaped_comma)
      options.back() += list[++i];
    else if (list[i] == ',')
      options.emplace_back();
    else
      options.back() += list[i];
  }
  return options;
}

constexpr size_t npos = std::string::npos;

/// Between section and key: the last, since a tenant's name may have some.
size_t dot_of(const std::string& name) { return name.rfind('.'); }

Result<FlagSetting> parse_option(const std::string& option, const std::string& origin) {
  for (const Alias& alias : kAliases) {
    if (option == alias.option) return FlagSetting{"mount", std::string(alias.key), std::string(alias.value), origin};
  }
  if (contains(kPassed, option)) return FlagSetting{"mount", "options", option, origin};
  const size_t equals = option.find('=');
  const std::string name = option.substr(0, equals);
  if (equals != std::string::npos) {
    const std::string value = option.substr(equals + 1);
    if (name == "fsname" || name == "source") return FlagSetting{"mount", "source", value, origin};
    if (name == "max_read") return FlagSetting{"mount", "options", option, origin};
    const size_t dot = dot_of(name);
    if (dot != std::string::npos) return FlagSetting{name.substr(0, dot), name.substr(dot + 1), value, origin};
    if (find_config_key("mount", name) != nullptr) return FlagSetting{"mount", name, value, origin};
  }
  return {
      Errc::invalid,
      fmt::format(
          "{}: unknown option; accepted: SECTION.KEY=VALUE as in kvfs.ini, KEY=VALUE of its section [mount], ro, rw, "
          "allow_other, no_allow_other, nonempty, acl, noacl, fsname=NAME, {}",
          origin, fmt::join(kPassed, ", "))};
}

}  // namespace

Result<std::vector<FlagSetting>> parse_mount_options(std::string_view list) {
  std::vector<FlagSetting> settings;
  for (const std::string& part : split_options(list)) {
    const std::string option(trimmed(part));
    if (ignored(option)) continue;
    const size_t equals = option.find('=');
    const ConfigKey* known = nullptr;
    if (const size_t dot = dot_of(option.substr(0, equals)); equals != npos && dot != npos)
      known = find_config_key(Config::table_section(option.substr(0, dot)), option.substr(dot + 1, equals - dot - 1));
    const bool secret = known != nullptr && known->secret;
    const std::string origin = "-o " + (secret ? option.substr(0, equals) : option);
    auto setting = parse_option(option, origin);
    if (!setting) return setting.error();
    settings.push_back(std::move(*setting));
  }
  return settings;
}

}  // namespace kvfs
