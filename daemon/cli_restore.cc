// kvfs restore: makes a store from a backup.
#include <fmt/format.h>

#include "daemon/cli_store.h"
#include "daemon/progress_bar.h"
#include "store/backup.h"

namespace kvfs {

namespace {

struct RestoreCommand {
  StoreChoice store;
  std::string directory;
  bool replace = false;
};

int run_restore(const RestoreCommand& command, const CommonOptions& common) {
  const auto source = choose_present_store(common, {command.directory});
  if (const auto* failure = std::get_if<Failure>(&source)) return report(*failure);
  const auto target = choose_store(common, command.store);
  if (const auto* failure = std::get_if<Failure>(&target)) return report(*failure);
  const EngineOptions& engine = std::get<StoreOptions>(target).engine;
  ProgressBar bar;
  BackupOptions options;
  options.progress = bar.function();
  const Result<BackupReport> done = restore(command.directory, engine, command.replace, options);
  bar.clear();
  if (!done) return report(failure_of(done.error()));
  fmt::print("{}: {} rows and {} chunks, {}\n", engine.path, done->rows, done->chunks, readable_bytes(done->bytes));
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_restore_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<RestoreCommand>();
  CLI::App* restore = app.add_subcommand("restore", "Makes a store from a backup");
  add_common_options(*restore, common);
  add_store_option(*restore, command->store);
  restore->add_flag("--replace", command->replace, "Take the place of a store that exists");
  restore->add_option("DIRECTORY", command->directory, "The backup")->required();
  restore->callback([command, &common, &run] { run = [command, &common] { return run_restore(*command, common); }; });
}

}  // namespace kvfs
