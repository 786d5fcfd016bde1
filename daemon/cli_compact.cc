// kvfs compact: gives back the disk space that a store holds and does not use.
#include <fmt/format.h>

#include "daemon/cli_store.h"
#include "daemon/progress_bar.h"
#include "store/engine/compact.h"

namespace kvfs {

namespace {

int run_compact(const StoreChoice& choice, const CommonOptions& common) {
  const auto chosen = choose_present_store(common, choice);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  const EngineOptions& engine = std::get<StoreOptions>(chosen).engine;
  const Result<CompactReport> done = compact(engine);
  if (!done) return report(failure_of(done.error()));
  fmt::print("{}: the base was {}, is {}\n", engine.path, readable_bytes(done->bytes_before),
             readable_bytes(done->bytes_after));
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_compact_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto choice = std::make_shared<StoreChoice>();
  CLI::App* compact = app.add_subcommand("compact", "Gives back disk space of a store that is not in use");
  add_common_options(*compact, common);
  compact->add_option("PATH", choice->path, "The store's directory (default: store.path of the configuration)");
  compact->callback([choice, &common, &run] { run = [choice, &common] { return run_compact(*choice, common); }; });
}

}  // namespace kvfs
