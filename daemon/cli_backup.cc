// kvfs backup: a consistent, verified copy of a store.
#include <fmt/format.h>

#include <filesystem>

#include "daemon/cli_store.h"
#include "daemon/control_client.h"
#include "daemon/progress_bar.h"
#include "store/backup.h"

namespace kvfs {

namespace {

struct BackupCommand {
  StoreChoice store;
  std::string directory;
  bool no_verify = false;
};

/// By the kvfs that has the store open; it writes the copy, as whom it runs.
Result<std::string> backup_by_running(const BackupCommand& command, const std::string& store_path) {
  ControlRequest request;
  request.words = {"backup", std::filesystem::absolute(command.directory).lexically_normal()};
  if (command.no_verify) request.words.emplace_back("no-verify");
  ProgressBar bar;
  return ask_running(store_path, request, bar.function());
}

int run_backup(const BackupCommand& command, const CommonOptions& common) {
  auto chosen = choose_present_store(common, command.store);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  const EngineOptions& engine_options = std::get<StoreOptions>(chosen).engine;
  const Result<std::unique_ptr<Engine>> engine = open_engine(engine_options);
  if (!engine) {
    if (engine.error().code != Errc::busy) return report(failure_of(engine.error()));
    const Result<std::string> done = backup_by_running(command, engine_options.path);
    if (!done) return report(failure_of(done.error().code == Errc::not_found ? engine.error() : done.error()));
    fmt::print("{}", *done);
    return static_cast<int>(ExitCode::ok);
  }
  ProgressBar bar;
  BackupOptions options;
  options.verify = !command.no_verify;
  options.progress = bar.function();
  const Result<BackupReport> done = backup(**engine, command.directory, options);
  bar.clear();
  if (!done) return report(failure_of(done.error()));
  fmt::print("{}: {} rows and {} chunks, {}\n", command.directory, done->rows, done->chunks,
             readable_bytes(done->bytes));
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_backup_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<BackupCommand>();
  CLI::App* backup = app.add_subcommand("backup", "Copies a store, in use or not, into a new directory, verified");
  add_common_options(*backup, common);
  add_store_option(*backup, command->store);
  backup->add_flag("--no-verify", command->no_verify, "Do not check the copy");
  backup->add_option("DIRECTORY", command->directory, "Where to; must not exist, or be empty")->required();
  backup->callback([command, &common, &run] { run = [command, &common] { return run_backup(*command, common); }; });
}

}  // namespace kvfs
