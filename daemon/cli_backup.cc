// kvfs backup and restore: whole copies of a store.
#include <fmt/format.h>

#include <cstdio>

#include "daemon/cli.h"
#include "daemon/options.h"
#include "store/backup.h"

namespace kvfs {

namespace {

struct CopyCommand {
  std::string directory;
  bool replace = false;
};

int tell(const Result<BackupReport>& outcome, const std::string& target) {
  if (!outcome) return report(store_failure(outcome.error()));
  std::fputs(fmt::format("{}: {} rows, {} chunks, {} bytes, verified\n", target, outcome->rows, outcome->chunks,
                         outcome->bytes)
                 .c_str(),
             stdout);
  return static_cast<int>(ExitCode::ok);
}

int run_backup(const CopyCommand& command, const CommonOptions& common) {
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const EngineOptions options = store_options(std::get<Config>(loaded)).engine;
  if (const auto absent = existing_store(options)) return report(*absent);
  auto engine = open_engine(options);
  if (!engine) return report(store_failure(engine.error()));
  return tell(backup(**engine, command.directory), command.directory);
}

int run_restore(const CopyCommand& command, const CommonOptions& common) {
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const EngineOptions options = store_options(std::get<Config>(loaded)).engine;
  return tell(restore(command.directory, options, command.replace), options.path);
}

}  // namespace

void add_backup_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<CopyCommand>();
  CLI::App* sub = app.add_subcommand("backup", "Copies a store that is not in use");
  add_common_options(*sub, common);
  sub->add_option("DIRECTORY", command->directory, "The copy; it must not exist")->required();
  sub->callback([command, &common, &run] { run = [command, &common] { return run_backup(*command, common); }; });
}

void add_restore_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<CopyCommand>();
  CLI::App* sub = app.add_subcommand("restore", "Makes the store from a backup");
  add_common_options(*sub, common);
  sub->add_flag("--replace", command->replace, "Replace a store that is there");
  sub->add_option("DIRECTORY", command->directory, "The backup")->required();
  sub->callback([command, &common, &run] { run = [command, &common] { return run_restore(*command, common); }; });
}

}  // namespace kvfs
