// kvfs check: verifies a store that is not in use, or a backup, and mends what can be derived.
#include <fmt/format.h>

#include <cstdio>

#include "daemon/cli_store.h"
#include "daemon/control_client.h"
#include "daemon/progress_bar.h"
#include "store/check.h"
#include "store/engine/files_check.h"

namespace kvfs {

namespace {

struct CheckCommand {
  StoreChoice store;
  bool repair = false;
  bool quick = false;
};

void print_summary(const std::string& path, const FilesCheck& files, const CheckReport& report) {
  fmt::print("{}: {} rows, {} directories, {} values, {} chunks ({}), {} commits in the journal ({})\n", path,
             report.rows, report.directories, report.values, report.chunks, readable_bytes(report.chunk_bytes),
             files.records, readable_bytes(files.bytes));
  if (report.found == 0)
    fmt::print("{}: no problems\n", path);
  else
    fmt::print("{}: {} problems, {} mended, {} left\n", path, report.found, report.mended,
               report.found - report.mended);
}

void print_files(const FilesCheck& files) {
  for (const FilesCheck::Damage& damage : files.damages) fmt::print("{}: {}\n", damage.where, damage.what);
  if (files.records_torn != 0)
    fmt::print("journal: {} commits behind a torn one were lost in a power failure; nothing had promised them\n",
               files.records_torn);
}

/// Before the store is opened, which would change them.
std::variant<FilesCheck, Failure> check_files_first(const EngineOptions& engine) {
  const Result<FilesCheck> files = check_files(engine.path);
  if (!files) return failure_of(files.error());
  print_files(*files);
  if (!files->damages.empty() && !engine.salvage) {
    std::fflush(stdout);
    return Failure{ExitCode::damaged,
                   engine.path +
                       ": its files are damaged, so the rest was not checked; kvfs check --salvage keeps "
                       "what is readable"};
  }
  return *files;
}

/// By the kvfs that has the store open: nothing is repaired then.
int check_by_running(const CheckCommand& command, const std::string& path, const Failure& in_use) {
  if (command.repair) return report(in_use);
  ControlRequest request;
  request.words = {"check"};
  if (command.quick) request.words.emplace_back("quick");
  ProgressBar bar;
  const Result<std::string> checked = ask_running(path, request, bar.function());
  bar.clear();
  if (!checked && checked.error().code == Errc::corrupt) {
    fmt::print("{}\n", checked.error().message());
    return static_cast<int>(ExitCode::damaged);
  }
  if (!checked) return report(checked.error().code == Errc::not_found ? in_use : failure_of(checked.error()));
  fmt::print("{}: in use; {}", path, *checked);
  return static_cast<int>(ExitCode::ok);
}

int run_check(const CheckCommand& command, const CommonOptions& common) {
  auto chosen = choose_present_store(common, command.store);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  EngineOptions& engine_options = std::get<StoreOptions>(chosen).engine;
  const auto files = check_files_first(engine_options);
  if (const auto* failure = std::get_if<Failure>(&files)) {
    if (failure->code == ExitCode::store_locked) return check_by_running(command, engine_options.path, *failure);
    return report(*failure);
  }
  const Result<std::unique_ptr<Engine>> engine = open_engine(engine_options);
  if (!engine) return report(failure_of(engine.error()));
  ProgressBar bar;
  CheckOptions options;
  options.repair = command.repair;
  options.read_chunks = !command.quick;
  options.progress = bar.function();
  options.on_finding = [&](const CheckFinding& finding) {
    bar.clear();
    fmt::print("{}: {}\n", finding.where, finding.what);
  };
  const CheckReport checked = check_engine(**engine, options);
  if (command.repair)
    if (const Result<void> synced = (*engine)->sync(); !synced) return report(failure_of(synced.error()));
  bar.clear();
  print_summary(engine_options.path, std::get<FilesCheck>(files), checked);
  return static_cast<int>(checked.sound() ? ExitCode::ok : ExitCode::damaged);
}

}  // namespace

void add_check_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App* check = app.add_subcommand("check", "Verifies a store that is not in use, or a backup");
  add_common_options(*check, common);
  add_salvage_flag(*check, common);
  check->add_flag("--repair", command->repair, "Mend what can be derived from the rest");
  check->add_flag("--quick", command->quick, "Do not read the chunks of large values");
  check->add_option("PATH", command->store.path, "The store's directory (default: store.path of the configuration)");
  check->callback([command, &common, &run] { run = [command, &common] { return run_check(*command, common); }; });
}

}  // namespace kvfs
