// A running kvfs: store, servers and mount, built in this order. The servers are drained first, and gone last: the
// mount's control files ask them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/control_server.h"
#include "daemon/exit_code.h"
#include "daemon/signals.h"
#include "fusefs/mount.h"
#include "httpbridge/server.h"
#include "respbridge/server.h"
#include "store/snapshots.h"
#include "store/store.h"

namespace kvfs {

/// Used by one thread.
class Daemon {
 public:
  /// What it takes from whoever runs it. Both outlive it.
  struct Surroundings {
    EventWaiter& events;
    /// Reads the configuration again and takes it over; the outcome, for people. Called from any thread.
    std::function<Result<std::string>()> reload;
  };
  /// Returns when everything answers, or with everything undone. `mount_point` nullopt: no mount.
  static std::variant<std::unique_ptr<Daemon>, Failure> start(const Config& config,
                                                              const std::optional<std::string>& mount_point,
                                                              Surroundings surroundings);
  ~Daemon();

  /// The addresses that it serves, for people; without the mount.
  std::vector<std::string> urls() const;

  /// What takes over the options that may change while it runs; until it is called everything stays as it was. Errors:
  /// invalid; when it is called, those of the store, which then lacks settings of tenants.
  Result<std::function<Result<void>()>> prepare_reload(const Config& config);

  /// Drains the doors, publishes what the mount has staged, unmounts, makes everything durable. Errors: io.
  Result<void> stop();

 private:
  Daemon(const Config& config, Surroundings surroundings)
      : surroundings_(std::move(surroundings)), config_text_(config.print()) {}
  std::vector<ControlFile> control_files();
  void make_control();
  std::optional<Failure> start_control(const Config& config);
  std::optional<Failure> start_mount(const Config& config, const std::string& mount_point);
  std::optional<Failure> start_http(const Config& config);
  std::optional<Failure> start_resp(const Config& config);
  void end_mount();

  const Surroundings surroundings_;
  std::mutex config_mutex_;
  std::string config_text_;  // guarded by config_mutex_

  std::unique_ptr<Store> store_;
  std::unique_ptr<Snapshots> snapshots_;  // of all doors
  std::unique_ptr<Control> control_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<resp::RespServer> resp_;
  std::unique_ptr<Mount> mount_;
  std::thread unmount_watcher_;
  std::unique_ptr<ControlServer> control_server_;
};

}  // namespace kvfs
