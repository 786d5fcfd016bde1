// The executable: parses the command line and hands over to a subcommand.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>

#include "daemon/cli.h"
#include "daemon/version.h"

namespace {

int check_or_print(const kvfs::CommonOptions& common, bool print) {
  auto loaded = kvfs::load_config(common);
  if (const auto* failure = std::get_if<kvfs::Failure>(&loaded)) return kvfs::report(*failure);
  if (print && (std::fputs(std::get<kvfs::Config>(loaded).print().c_str(), stdout) < 0 || std::fflush(stdout) != 0))
    return kvfs::report({kvfs::ExitCode::failure, std::string("cannot print: ") + std::strerror(errno)});
  return static_cast<int>(kvfs::ExitCode::ok);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is told as a full disk is
  CLI::App app("A key-value store that can be mounted. See kvfs(1).", "kvfs");
  kvfs::CommonOptions common;
  std::error_code gone;
  common.directory = std::filesystem::current_path(gone).string();
  bool print_config = false;
  bool check_config = false;
  std::function<int()> run;
  kvfs::add_common_options(app, common);
  app.set_version_flag("-V,--version", std::string("kvfs ") + kvfs::kVersion);
  app.add_flag("--print-config", print_config, "Print all options with their values and origins");
  app.add_flag("--check-config", check_config, "Check the configuration");
  app.require_subcommand(0, 1);
  kvfs::add_mount_command(app, common, run);
  kvfs::add_serve_command(app, common, run);
  kvfs::add_control_commands(app, common, run);
  kvfs::add_check_command(app, common, run);
  kvfs::add_backup_command(app, common, run);
  kvfs::add_restore_command(app, common, run);
  kvfs::add_compact_command(app, common, run);
  kvfs::add_dump_command(app, common, run);
  kvfs::add_load_command(app, common, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return kvfs::report({kvfs::ExitCode::usage, std::string(error.what()) + "; see kvfs --help"});
  }
  if (print_config || check_config) return check_or_print(common, print_config);
  if (run) return run();
  return kvfs::report(
      {kvfs::ExitCode::usage, "no command given: kvfs mount MOUNTPOINT, or kvfs serve; see kvfs --help"});
}
