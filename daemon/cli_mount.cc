// kvfs mount: the store as a file system, and its doors.
#include <sys/statvfs.h>

#include <filesystem>

#include "daemon/cli.h"

namespace kvfs {

namespace {

struct MountCommand {
  std::string mount_point;
  bool foreground = false;
  bool debug = false;
  bool single_thread = false;
};

int run_mount(MountCommand command, CommonOptions common) {
  if (command.debug) common.settings.push_back("log.level=debug");
  if (command.single_thread) common.settings.push_back("mount.threads=1");
  const std::string mount_point = std::filesystem::absolute(command.mount_point).lexically_normal();
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) return report(*failure);
  const Config& config = std::get<Config>(loaded);
  if (command.foreground || command.debug) return run_daemon(common, config, mount_point, true, Readiness());
  return run_in_background(
      [&](Readiness readiness) { return run_daemon(common, config, mount_point, false, std::move(readiness)); },
      [&] {
        struct statvfs ignored {};
        ::statvfs(mount_point.c_str(), &ignored);  // answered by the mount: it works for others than the daemon
      });
}

}  // namespace

void add_mount_command(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  auto command = std::make_shared<MountCommand>();
  CLI::App* mount =
      app.add_subcommand("mount", "Mounts the store, serves it at its other doors too, and returns when all answer");
  add_common_options(*mount, common);
  add_salvage_flag(*mount, common);
  mount->add_flag("-f,--foreground", command->foreground, "Stay in the foreground");
  mount->add_flag("-d,--debug", command->debug, "Log everything, in the foreground");
  mount->add_flag("-s", command->single_thread, "One thread for the mount");
  mount->add_option("MOUNTPOINT", command->mount_point, "An empty directory")->required();
  mount->callback([command, &common, &run] { run = [command, &common] { return run_mount(*command, common); }; });
}

}  // namespace kvfs
