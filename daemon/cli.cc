#include "daemon/cli.h"

#include <unistd.h>

#include <cstdio>

#include "daemon/api_keys.h"
#include "daemon/mount_options.h"
#include "net/listen_address.h"
#include "store/key.h"

namespace kvfs {

void add_common_options(CLI::App& app, CommonOptions& options) {
  app.add_option("-c,--config", options.config_file,
                 "The configuration file (default: /etc/kvfs/kvfs.ini, if there is one)");
  app.add_option("-o", options.settings, "Mount options and SECTION.KEY=VALUE settings, separated by commas")
      ->type_name("OPT,...")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_salvage_flag(CLI::App& app, CommonOptions& options) {
  app.add_flag_callback(
      "--salvage", [&options] { options.settings.emplace_back("store.salvage=yes"); },
      "Open a store with a damaged journal, with what is readable of it");
}

namespace {

/// What is only texts to the table of options.
Result<void> check_texts(const Config& config) {
  const auto named = [&](const char* section, const char* key, const Error& error) -> Result<void> {
    return {Errc::invalid, config.origin(section, key) + ": " + key + ": " + error.message()};
  };
  for (const char* section : {"http", "resp"}) {
    for (const std::string& address : config.list(section, "listen"))
      if (const auto parsed = ListenAddress::parse(address); !parsed) return named(section, "listen", parsed.error());
    if (const auto tenant = check_name(config.text(section, "anonymous_tenant"), "tenant"); !tenant)
      return named(section, "anonymous_tenant", tenant.error());
    if (const auto collection = check_name(config.text(section, "default_collection"), "collection"); !collection)
      return named(section, "default_collection", collection.error());
  }
  return {};
}

}  // namespace

std::variant<Config, Failure> load_config(const CommonOptions& options) {
  ConfigSources sources;
  sources.directory = options.directory;
  if (!options.config_file.empty()) sources.file = options.config_file;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const std::string& list : options.settings) {
    auto settings = parse_mount_options(list);
    if (!settings) return Failure{ExitCode::configuration, settings.error().message()};
    std::move(settings->begin(), settings->end(), std::back_inserter(sources.flags));
  }
  auto config = Config::load(sources);
  if (!config) return Failure{ExitCode::configuration, config.error().message()};
  if (const auto keys = configured_keys(*config); !keys)
    return Failure{ExitCode::configuration, keys.error().message()};
  if (const auto texts = check_texts(*config); !texts) return Failure{ExitCode::configuration, texts.error().message()};
  return std::move(*config);
}

int report(const Failure& failure) {
  std::fprintf(stderr, "kvfs: %s\n", failure.message.c_str());
  return static_cast<int>(failure.code);
}

}  // namespace kvfs
