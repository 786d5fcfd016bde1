// The life of the daemon between start and stop: log, events, reload.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <mutex>

#include "daemon/cli.h"
#include "daemon/config_value.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/open_files.h"
#include "daemon/service_notice.h"
#include "daemon/signals.h"
#include "daemon/version.h"

namespace kvfs {

namespace {

/// Reads the configuration again: at SIGHUP, and when it is asked to at the control socket.
class Reloader {
 public:
  Reloader(const CommonOptions& common, const Config& running, bool foreground)
      : common_(common), running_(running), foreground_(foreground) {}

  /// Until then there is nothing to reload.
  void set_daemon(Daemon* daemon) {
    const std::lock_guard lock(mutex_);
    daemon_ = daemon;
  }

  /// What it says to people. Errors: invalid; then everything stays as it was.
  Result<std::string> reload() {
    const std::lock_guard lock(mutex_);
    if (daemon_ == nullptr) return {Errc::busy, "still starting"};
    notify_service_manager("RELOADING=1");
    Result<std::string> done = Errc::io;
    try {
      done = load_and_apply();
    } catch (const std::exception& failure) {  // no memory: no reason to end
      done = Result<std::string>(Errc::io, failure.what());
    }
    notify_service_manager("READY=1");
    return done;
  }

 private:
  Result<std::string> load_and_apply() {
    auto loaded = load_config(common_);
    if (const auto* failure = std::get_if<Failure>(&loaded)) return {Errc::invalid, failure->message};
    const Config& config = std::get<Config>(loaded);
    // All that can be refused, before anything is taken over.
    const auto daemon = daemon_->prepare_reload(config);
    if (!daemon) return daemon.error();
    const auto log = prepare_log(config, foreground_);
    if (!log) return log.error();
    if (const auto done = (*daemon)(); !done) return done.error();
    (*log)();
    std::string said = "configuration and log file taken over\n";
    for (const std::string& key : running_.changed_beyond_reload(config))
      said += fmt::format("{} takes effect at the next start\n", key);
    return said;
  }

  const CommonOptions& common_;
  const Config& running_;
  const bool foreground_;
  std::mutex mutex_;
  Daemon* daemon_ = nullptr;  // guarded by mutex_
};

void wait_for_end(Reloader& reloader, EventWaiter& events) {
  for (;;) {
    switch (events.wait()) {
      case Event::stop:
        spdlog::info("stopping");
        return;
      case Event::unmounted:
        spdlog::info("unmounted, stopping");
        return;
      case Event::reload:
        if (const auto done = reloader.reload(); !done)
          spdlog::error("SIGHUP: the configuration stays as it was: {}", done.error().message());
        else
          spdlog::info("SIGHUP: {}", trimmed(*done));
        break;
    }
  }
}

/// Makes the doors' limits of connections possible where the shell's limit of open files is lower. Returns what is to
/// be said of it; empty: nothing.
std::string allow_connections(const Config& config) {
  constexpr uint64_t kFilesOfTheStore = 1024;
  const auto connections =
      static_cast<uint64_t>(config.number("http", "connections_max") + config.number("resp", "connections_max"));
  const uint64_t wanted = connections + kFilesOfTheStore;
  const uint64_t allowed = raise_open_files_limit(wanted);
  if (allowed >= wanted) return {};
  return fmt::format(
      "{} files may be open at once (ulimit -Hn, LimitNOFILE=); connections_max of the doors and the "
      "store may need {}; connections beyond wait",
      allowed, wanted);
}

int fail(const Failure& failure, Readiness& readiness) {
  if (readiness.failed(failure)) return static_cast<int>(failure.code);
  return report(failure);
}

}  // namespace

int run_daemon(const CommonOptions& common, const Config& config, const std::optional<std::string>& mount_point,
               bool foreground, Readiness readiness) {
  try {
    EventWaiter events;
    const auto log = prepare_log(config, foreground);
    if (!log) return fail({ExitCode::configuration, log.error().message()}, readiness);
    (*log)();
    const std::string limited = allow_connections(config);
    Reloader reloader(common, config, foreground);
    auto started = Daemon::start(config, mount_point, {events, [&reloader] { return reloader.reload(); }});
    if (const auto* failure = std::get_if<Failure>(&started)) return fail(*failure, readiness);
    auto daemon = std::move(std::get<std::unique_ptr<Daemon>>(started));
    spdlog::info("kvfs {}, process {} started, store {}", kVersion, ::getpid(), config.text("store", "path"));
    if (mount_point) spdlog::info("mounted at {}", *mount_point);
    for (const std::string& url : daemon->urls()) spdlog::info("serving {}", url);
    if (!limited.empty()) spdlog::info("{}", limited);
    notify_service_manager("READY=1");
    readiness.ready();
    reloader.set_daemon(daemon.get());
    wait_for_end(reloader, events);
    notify_service_manager("STOPPING=1");
    if (const auto stopped = daemon->stop(); !stopped) {
      spdlog::critical("the last writes may not be durable: {}", stopped.error().message());
      return static_cast<int>(ExitCode::unclean);
    }
    return static_cast<int>(ExitCode::ok);
  } catch (const std::exception& error) {
    const Failure failure{ExitCode::failure, error.what()};
    spdlog::critical("{}", failure.message);
    return readiness.failed(failure) ? static_cast<int>(failure.code) : static_cast<int>(ExitCode::failure);
  }
}

}  // namespace kvfs
