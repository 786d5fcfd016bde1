// kvfs serve: the store without a mount, in the foreground.
#include <filesystem>

#include "daemon/cli.h"

namespace kvfs {

namespace {

int run_serve(CommonOptions common) {
  if (!common.config_file.empty()) common.config_file = std::filesystem::absolute(common.config_file);
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const Config& config = std::get<Config>(loaded);
  if (config.list("http", "listen").empty() && config.list("resp", "listen").empty()) {
    return report({ExitCode::configuration,
                   "nothing to serve: http.listen and resp.listen are empty; give one of them an address"});
  }
  return run_daemon(common, config, std::nullopt, true, Readiness());
}

}  // namespace

void add_serve_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  CLI::App* serve = app.add_subcommand("serve", "Serves the store without a mount, in the foreground");
  add_common_options(*serve, common);
  add_salvage_flag(*serve, common);
  serve->callback([&common, &run] { run = [&common] { return run_serve(common); }; });
}

}  // namespace kvfs
