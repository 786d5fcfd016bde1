#include "daemon/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "daemon/options.h"
#include "daemon/options_http.h"
#include "daemon/options_resp.h"
#include "daemon/own_mount.h"
#include "daemon/version.h"

namespace kvfs {

namespace {

/// The first entry of a directory that would be hidden by a mount; nullopt where it is empty or cannot be read, which
/// the mount itself will report better.
std::optional<std::string> hidden_entry(const std::string& mount_point) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(mount_point, error);
  if (error || entries == std::filesystem::directory_iterator()) return std::nullopt;
  if (std::filesystem::exists(mount_point + "/.kvfs/version", error))
    return std::nullopt;  // a kvfs, which is refused later
  return entries->path().filename().string();
}

/// Prometheus text of a tenant (0: of all) and, for all, of the engine.
std::string usage_metrics(const Store& store, DirId tenant) {
  std::string out;
  const auto gauge = [&out](std::string_view name, std::string_view help, uint64_t value) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0} {2}\n", name, help, value);
  };
  const Store::Usage usage = store.usage(tenant);
  gauge("kvfs_keys", "Values.", usage.keys);
  gauge("kvfs_value_bytes", "Bytes of all values.", usage.bytes);
  if (tenant != 0) {
    gauge("kvfs_quota_keys", "The most values; 0: no limit.", usage.quota_keys);
    gauge("kvfs_quota_bytes", "The most bytes; 0: no limit.", usage.quota_bytes);
    return out;
  }
  for (const auto& [name, value] : store.stats())
    gauge("kvfs_engine_" + name, "Of the engine; see docs/operations.md.", value);
  return out;
}

constexpr std::chrono::milliseconds kLockRetryInterval{20};

Result<std::unique_ptr<Store>> open_store(const Config& config) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(config.duration_ms("store", "lock_wait"));
  for (;;) {
    auto store = Store::open(store_options(config));
    if (store || store.error().code != Errc::busy || std::chrono::steady_clock::now() >= end) return store;
    std::this_thread::sleep_for(kLockRetryInterval);
  }
}

}  // namespace

std::variant<std::unique_ptr<Daemon>, Failure> Daemon::start(const Config& config,
                                                             const std::optional<std::string>& mount_point,
                                                             Surroundings surroundings) {
  std::unique_ptr<Daemon> daemon(new Daemon(config, std::move(surroundings)));
  auto store = open_store(config);
  if (!store) return store_failure(store.error());
  daemon->store_ = std::move(*store);
  if (const auto tenants = apply_tenants(config, *daemon->store_); !tenants) {
    return Failure{ExitCode::store, tenants.error().message()};
  }
  daemon->snapshots_ = std::make_unique<Snapshots>(*daemon->store_, snapshot_options(config));
  daemon->make_control();
  // The mount comes last: where a port is taken, nothing is mounted.
  if (auto failure = daemon->start_http(config)) return *failure;
  if (auto failure = daemon->start_resp(config)) return *failure;
  if (auto failure = daemon->start_control(config)) return *failure;
  if (mount_point) {
    if (auto failure = daemon->start_mount(config, *mount_point)) return *failure;
  }
  return daemon;
}

void Daemon::make_control() {
  control_ = std::make_unique<Control>(*store_, *snapshots_);
  control_->add({.name = "reload",
                 .arguments = "",
                 .help = "takes over the configuration, as SIGHUP does",
                 .run = [this](const ControlCommand&) { return surroundings_.reload(); }});
}

std::optional<Failure> Daemon::start_control(const Config& config) {
  if (config.text("store", "engine") == "memory") return std::nullopt;  // it has no directory
  auto server = ControlServer::start(*store_, *control_, config.text("store", "path"));
  if (!server) return Failure{ExitCode::store, server.error().message()};
  control_server_ = std::move(*server);
  return std::nullopt;
}

std::optional<Failure> Daemon::start_mount(const Config& config, const std::string& mount_point) {
  if (const auto cleared = clear_stale_mount(mount_point); !cleared) {
    return Failure{ExitCode::mount_point, cleared.error().message()};
  }
  if (!config.boolean("mount", "nonempty")) {
    if (const auto entry = hidden_entry(mount_point)) {
      return Failure{ExitCode::mount_point,
                     fmt::format("mount point {} is not empty (it has {}); empty it, choose another one, "
                                 "or hide its entries with -o nonempty",
                                 mount_point, *entry)};
    }
  }
  MountOptions options = mount_options(config, mount_point);
  options.filesystem.control_files = control_files();
  options.filesystem.snapshots = snapshots_.get();
  options.filesystem.commands = {
      .run = [this](DirId tenant, std::string_view line) { return control_->run_line(tenant, line); },
      .help = [this](DirId tenant) { return control_->help(tenant); }};
  auto mount = Mount::start(*store_, std::move(options));
  if (!mount) return Failure{ExitCode::mount_point, mount.error().message()};
  mount_ = std::move(*mount);
  control_->set_own_mount(device_of(mount_point));
  unmount_watcher_ = std::thread([this] {
    mount_->wait();
    surroundings_.events.notify_unmounted();
  });
  return std::nullopt;
}

std::optional<Failure> Daemon::start_http(const Config& config) {
  auto options = http_options(config);
  if (!options) return Failure{ExitCode::configuration, options.error().message()};
  if (options->listen.empty()) return std::nullopt;
  auto server = http::HttpServer::start(*store_, std::move(*options));
  if (!server) {
    const bool configuration = server.error().code == Errc::invalid;
    return Failure{configuration ? ExitCode::configuration : ExitCode::listen, server.error().message()};
  }
  http_ = std::move(*server);
  return std::nullopt;
}

std::optional<Failure> Daemon::start_resp(const Config& config) {
  auto options = resp_options(config);
  if (!options) return Failure{ExitCode::configuration, options.error().message()};
  if (options->listen.empty()) return std::nullopt;
  // SHUTDOWN ends the process as a service manager would.
  const auto shutdown = [] { ::kill(::getpid(), SIGTERM); };
  auto server = resp::RespServer::start(*store_, std::move(*options), {.shutdown = shutdown, .version = kVersion});
  if (!server) {
    const bool configuration = server.error().code == Errc::invalid;
    return Failure{configuration ? ExitCode::configuration : ExitCode::listen, server.error().message()};
  }
  resp_ = std::move(*server);
  return std::nullopt;
}

std::vector<std::string> Daemon::urls() const {
  std::vector<std::string> all;
  if (http_) all = http_->urls();
  if (resp_)
    for (std::string& url : resp_->urls()) all.push_back(std::move(url));
  return all;
}

std::vector<ControlFile> Daemon::control_files() {
  const auto version = [](DirId, const Caller&) { return fmt::format("kvfs {}\n", kVersion); };
  const auto config = [this](DirId, const Caller&) {
    const std::lock_guard lock(config_mutex_);
    return config_text_;
  };
  // Of all: what the HTTP door answers, where it is open.
  const auto metrics = [this](DirId tenant, const Caller&) {
    return tenant == 0 && http_ ? http_->metrics_text() : usage_metrics(*store_, tenant);
  };
  return {{.name = "version", .in_tenants = true, .read = version},
          {.name = "metrics", .in_tenants = true, .read = metrics},
          {.name = "config", .in_tenants = false, .read = config}};
}

Result<std::function<Result<void>()>> Daemon::prepare_reload(const Config& config) {
  std::vector<std::function<void()>> doors;
  const auto prepare = [&](auto& server, const auto& options) -> Result<void> {
    if (!options) return options.error();
    if (!server) return {};
    auto prepared = server->prepare_reload(*options);
    if (!prepared) return prepared.error();
    doors.push_back(std::move(*prepared));
    return {};
  };
  if (auto done = prepare(http_, http_options(config)); !done) return done.error();
  if (auto done = prepare(resp_, resp_options(config)); !done) return done.error();
  return std::function<Result<void>()>([this, config, doors = std::move(doors)]() -> Result<void> {
    if (auto done = apply_tenants(config, *store_); !done) return done;
    for (const auto& take_over : doors) take_over();
    store_->set_eviction(store_options(config).eviction);
    store_->set_trash(store_options(config).trash);
    const std::lock_guard lock(config_mutex_);
    config_text_ = config.print();
    return {};
  });
}

Result<void> Daemon::stop() {
  control_server_.reset();
  if (resp_) resp_->stop();
  if (http_) http_->stop();
  end_mount();
  return store_->sync();
}

void Daemon::end_mount() {
  if (mount_) mount_->stop();
  if (unmount_watcher_.joinable()) unmount_watcher_.join();
  mount_.reset();
}

Daemon::~Daemon() {
  control_server_.reset();
  if (resp_) resp_->stop();
  if (http_) http_->stop();
  end_mount();
}

}  // namespace kvfs
