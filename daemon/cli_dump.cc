// kvfs dump: everything in a store as JSON lines.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "daemon/cli_store.h"
#include "daemon/progress_bar.h"
#include "store/dump.h"
#include "store/engine/file.h"

namespace kvfs {

namespace {

struct DumpCommand {
  StoreChoice store;
  std::string file;
  std::string tenant;
};

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Result<FilePtr> open_output(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return io_error("open", path, errno);
  return FilePtr(::fdopen(fd, "w"), std::fclose);
}

Result<void> finish_output(std::FILE* out, const std::string& name, bool sync) {
  if (std::fflush(out) != 0) return io_error("write", name, errno);
  if (sync && ::fsync(::fileno(out)) != 0) return io_error("fsync", name, errno);
  return {};
}

/// Into `out`, complete.
Result<uint64_t> write_dump(Store& store, std::FILE* out, const std::string& name, const DumpCommand& command) {
  ProgressBar bar;
  DumpOptions options;
  options.tenant = command.tenant;
  options.progress = bar.function();
  return dump(
      store,
      [&](std::string_view line) -> Result<void> {
        if (std::fwrite(line.data(), 1, line.size(), out) != line.size()) return io_error("write", name, errno);
        return {};
      },
      options);
}

int run_dump(const DumpCommand& command, const CommonOptions& common) {
  const auto chosen = choose_present_store(common, command.store);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  const Result<std::unique_ptr<Store>> store = Store::open(std::get<StoreOptions>(chosen));
  if (!store) return report(failure_of(store.error()));
  const bool to_file = !command.file.empty() && command.file != "-";
  const std::string name = to_file ? command.file + ".partial" : "standard output";
  const Result<FilePtr> file = to_file ? open_output(name) : FilePtr(nullptr, std::fclose);
  if (!file) return report(failure_of(file.error()));
  std::FILE* const out = to_file ? file->get() : stdout;
  const Result<uint64_t> done = write_dump(**store, out, name, command);
  Result<void> finished = done ? finish_output(out, name, to_file) : Result<void>(done.error());
  if (finished && to_file && ::rename(name.c_str(), command.file.c_str()) != 0)
    finished = io_error("rename", name, errno);
  if (finished) return static_cast<int>(ExitCode::ok);
  if (to_file) (void)::unlink(name.c_str());
  return report(failure_of(finished.error()));
}

}  // namespace

void add_dump_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<DumpCommand>();
  CLI::App* dump = app.add_subcommand("dump", "Writes everything in a store that is not in use as JSON lines");
  add_common_options(*dump, common);
  add_store_option(*dump, command->store);
  dump->add_option("--tenant", command->tenant, "Only this tenant")->type_name("NAME");
  dump->add_option("FILE", command->file, "Where to (default, and -: standard output)");
  dump->callback([command, &common, &run] { run = [command, &common] { return run_dump(*command, common); }; });
}

}  // namespace kvfs
