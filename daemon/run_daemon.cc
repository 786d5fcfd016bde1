// The life of the daemon between start and stop: log, events, reload.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "daemon/cli.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/service_notice.h"
#include "daemon/signals.h"
#include "daemon/version.h"

namespace kvfs {

namespace {

void reload(const CommonOptions& common, const Config& running, bool foreground, Daemon& daemon) {
  notify_service_manager("RELOADING=1");
  auto loaded = load_config(common);
  if (const auto* failure = std::get_if<Failure>(&loaded)) {
    spdlog::error("SIGHUP: the configuration stays as it was: {}", failure->message);
  } else {
    const Config& config = std::get<Config>(loaded);
    auto done = set_up_log(config, foreground);
    if (done) done = daemon.reload(config);
    if (!done)
      spdlog::error("SIGHUP: the configuration stays as it was: {}", done.error().message());
    else
      spdlog::info("SIGHUP: configuration and log file taken over");
    for (const std::string& key : running.changed_beyond_reload(config)) {
      spdlog::warn("SIGHUP: {} takes effect at the next start", key);
    }
  }
  notify_service_manager("READY=1");
}

void wait_for_end(const CommonOptions& common, const Config& config, bool foreground, Daemon& daemon,
                  EventWaiter& events) {
  for (;;) {
    switch (events.wait()) {
      case Event::stop:
        spdlog::info("stopping");
        return;
      case Event::unmounted:
        spdlog::info("unmounted, stopping");
        return;
      case Event::reload:
        reload(common, config, foreground, daemon);
        break;
    }
  }
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
    if (const auto log = set_up_log(config, foreground); !log) {
      return fail({ExitCode::configuration, log.error().message()}, readiness);
    }
    auto started = Daemon::start(config, mount_point, events);
    if (const auto* failure = std::get_if<Failure>(&started)) return fail(*failure, readiness);
    auto daemon = std::move(std::get<std::unique_ptr<Daemon>>(started));
    spdlog::info("kvfs {}, process {} started, store {}", kVersion, ::getpid(), config.text("store", "path"));
    if (mount_point) spdlog::info("mounted at {}", *mount_point);
    for (const std::string& url : daemon->urls()) spdlog::info("serving {}", url);
    notify_service_manager("READY=1");
    readiness.ready();
    wait_for_end(common, config, foreground, *daemon, events);
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
