// kvfs compact: gives disk space back.
#include <fmt/format.h>

#include <cstdio>

#include "daemon/cli.h"
#include "daemon/options.h"
#include "store/engine/compact.h"

namespace kvfs {

namespace {

int run_compact(const CommonOptions& common) {
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const EngineOptions options = store_options(std::get<Config>(loaded)).engine;
  if (const auto absent = existing_store(options)) return report(*absent);
  const auto outcome = compact(options);
  if (!outcome) return report(store_failure(outcome.error()));
  std::fputs(
      fmt::format("{}: {} bytes before, {} after\n", options.path, outcome->bytes_before, outcome->bytes_after).c_str(),
      stdout);
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_compact_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  CLI::App* compact_command = app.add_subcommand("compact", "Gives disk space back that the store does not use");
  add_common_options(*compact_command, common);
  compact_command->callback([&common, &run] { run = [&common] { return run_compact(common); }; });
}

}  // namespace kvfs
