#include "daemon/cli_store.h"

#include <fmt/format.h>

#include <filesystem>

#include "daemon/options.h"

namespace kvfs {

void add_store_option(CLI::App& app, StoreChoice& choice) {
  app.add_option("--store", choice.path, "The store's directory (default: store.path of the configuration)")
      ->type_name("PATH");
}

std::variant<StoreOptions, Failure> choose_store(const CommonOptions& common, const StoreChoice& choice) {
  auto loaded = load_config(common);
  if (auto* failure = std::get_if<Failure>(&loaded)) return std::move(*failure);
  StoreOptions options = store_options(std::get<Config>(loaded));
  options.expiry_interval_ms = 0;  // nothing happens beside what was asked for
  options.engine.notice = [](const std::string& said) { fmt::print(stderr, "kvfs: {}\n", said); };
  if (!choice.path.empty()) {
    options.engine.path = choice.path;
    options.engine.kind = "lmdb";
  }
  if (options.engine.kind == "memory")
    return Failure{ExitCode::failure, "the configured store is in memory only; name one with --store PATH"};
  return options;
}

std::variant<StoreOptions, Failure> choose_present_store(const CommonOptions& common, const StoreChoice& choice) {
  auto chosen = choose_store(common, choice);
  const auto* options = std::get_if<StoreOptions>(&chosen);
  std::error_code error;
  if (options != nullptr && !std::filesystem::exists(options->engine.path + "/base", error))
    return Failure{ExitCode::store, error ? fmt::format("{}: {}", options->engine.path, error.message())
                                          : fmt::format("there is no store in {}; name it with -o store.path=DIRECTORY",
                                                        options->engine.path)};
  return chosen;
}

Failure failure_of(const Error& error) {
  const bool refused = error.code == Errc::exists || error.code == Errc::not_found || error.code == Errc::invalid ||
                       error.code == Errc::unsupported;
  return refused ? Failure{ExitCode::failure, error.message()} : store_failure(error);
}

}  // namespace kvfs
