// kvfs load: reads what kvfs dump wrote into a store.
#include <fmt/format.h>

#include <cerrno>
#include <fstream>

#include "daemon/cli_store.h"
#include "daemon/progress_bar.h"
#include "store/dump.h"
#include "store/engine/file.h"

namespace kvfs {

namespace {

struct LoadCommand {
  StoreChoice store;
  std::string file;
  bool replace = false;
};

int run_load(const LoadCommand& command, const CommonOptions& common) {
  const auto chosen = choose_store(common, command.store);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  const std::string path = command.file.empty() || command.file == "-" ? "/dev/stdin" : command.file;
  std::ifstream input(path, std::ios::binary);
  if (!input) return report({ExitCode::failure, io_error("open", path, errno).message()});
  const Result<std::unique_ptr<Store>> store = Store::open(std::get<StoreOptions>(chosen));
  if (!store) return report(failure_of(store.error()));
  ProgressBar bar;
  LoadOptions options;
  options.replace = command.replace;
  options.progress = bar.function();
  const Result<LoadReport> done = load(**store, input, options);
  bar.clear();
  if (!done) return report({ExitCode::failure, done.error().message()});
  if (const Result<void> synced = (*store)->sync(); !synced) return report(failure_of(synced.error()));
  fmt::print("{} entries loaded", done->entries);
  if (done->existing != 0) fmt::print(", {} directories existed", done->existing);
  if (done->expired != 0) fmt::print(", {} values had expired", done->expired);
  fmt::print("\n");
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_load_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<LoadCommand>();
  CLI::App* load = app.add_subcommand("load", "Reads what kvfs dump wrote into a store that is not in use");
  add_common_options(*load, common);
  add_store_option(*load, command->store);
  load->add_flag("--replace", command->replace, "Overwrite what exists");
  load->add_option("FILE", command->file, "What to read (default, and -: standard input)");
  load->callback([command, &common, &run] { run = [command, &common] { return run_load(*command, common); }; });
}

}  // namespace kvfs
