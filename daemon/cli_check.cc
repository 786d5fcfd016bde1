// kvfs check: verifies a store that is not in use, and mends it.
#include <fmt/format.h>

#include <cstdio>

#include "daemon/cli.h"
#include "daemon/options.h"
#include "store/check.h"

namespace kvfs {

namespace {

struct CheckCommand {
  bool repair = false;
  bool quick = false;
};

int run_check(const CheckCommand& command, const CommonOptions& common) {
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const EngineOptions engine_options = store_options(std::get<Config>(loaded)).engine;
  if (const auto present = existing_store(engine_options)) return report(*present);
  auto engine = open_engine(engine_options);
  if (!engine) return report(store_failure(engine.error()));
  CheckOptions options;
  options.repair = command.repair;
  options.read_chunks = !command.quick;
  options.findings_max = 0;
  options.on_finding = [&](const CheckFinding& finding) {
    const char* remark = !finding.mendable ? "" : command.repair ? " (mended)" : " (--repair can mend it)";
    std::fputs(fmt::format("{}: {}{}\n", finding.where, finding.what, remark).c_str(), stdout);
  };
  const CheckReport result = check_engine(**engine, options);
  std::fputs(
      fmt::format("{} rows, {} directories, {} values, {} chunks with {} bytes: {} found, {} mended\n", result.rows,
                  result.directories, result.values, result.chunks, result.chunk_bytes, result.found, result.mended)
          .c_str(),
      stdout);
  if (const auto synced = (*engine)->sync(); !synced) return report(store_failure(synced.error()));
  return static_cast<int>(result.sound() ? ExitCode::ok : ExitCode::failure);
}

}  // namespace

void add_check_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App* check = app.add_subcommand("check", "Verifies a store that is not in use");
  add_common_options(*check, common);
  check->add_flag("--repair", command->repair, "Mend what can be derived from the rest");
  check->add_flag("--quick", command->quick, "Do not read the values");
  check->callback([command, &common, &run] { run = [command, &common] { return run_check(*command, common); }; });
}

}  // namespace kvfs
