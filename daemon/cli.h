// The command line: what was typed, and one function for each subcommand.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/background.h"
#include "daemon/config.h"
#include "daemon/exit_code.h"

namespace kvfs {

/// Options that stand before and after subcommands.
struct CommonOptions {
  std::string directory;  // where it was typed; a daemon leaves it
  std::string config_file;
  std::vector<std::string> settings;  // arguments of -o
};
void add_common_options(CLI::App& app, CommonOptions& options);
/// Adds --salvage: the same as -o store.salvage=yes.
void add_salvage_flag(CLI::App& app, CommonOptions& options);

/// The configuration by these options and this process's environment, or why not.
std::variant<Config, Failure> load_config(const CommonOptions& options);

/// Prints "kvfs: MESSAGE" and returns the code.
int report(const Failure& failure);

/// Each adds its subcommand; its callback sets `run`, called when parsing is done.
void add_mount_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_serve_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
// Of a kvfs that is running: stats, sync, checkpoint, reload, snapshot, control.
void add_control_commands(CLI::App& app, CommonOptions& common, std::function<int()>& run);
// Of a store that is not in use (docs/operations.md); backup also of one that is.
void add_check_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_backup_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_restore_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_compact_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_dump_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);
void add_load_command(CLI::App& app, CommonOptions& common, std::function<int()>& run);

/// What mount and serve share: starts, tells `readiness`, waits for signals, stops. `mount_point` nullopt: no mount.
int run_daemon(const CommonOptions& common, const Config& config, const std::optional<std::string>& mount_point,
               bool foreground, Readiness readiness);

}  // namespace kvfs
