#include "fusefs/mount.h"

#define FUSE_USE_VERSION 314
#include <fmt/format.h>
#include <fuse_log.h>
#include <fuse_lowlevel.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <utility>

#include "fusefs/init_patch.h"
#include "fusefs/invalidator.h"
#include "fusefs/newer_requests.h"
#include "fusefs/ops.h"
#include "fusefs/ring_loop.h"

namespace kvfs {
namespace {

constexpr std::chrono::seconds kInitTimeout{10};

/// What libfuse says goes to the log, and the last line into the error of a failed start.
/// No string: glibc ends the process where there is no memory to note that a thread has something to destroy.
thread_local char last_fuse_message[512];

void log_fuse_message(fuse_log_level level, const char* format, va_list arguments) {
  std::vsnprintf(last_fuse_message, sizeof last_fuse_message, format, arguments);
  for (size_t end = std::strlen(last_fuse_message); end > 0 && last_fuse_message[end - 1] == '\n';)
    last_fuse_message[--end] = '\0';
  if (level <= FUSE_LOG_ERR) spdlog::debug("libfuse: {}", last_fuse_message);
}

/// Tells the kernel through a session. An answer of "not known" is fine.
class SessionCache : public KernelCache {
 public:
  explicit SessionCache(fuse_session* session) : session_(session) {}
  void drop_entry(Inode parent, std::string_view name) override {
    // A name that the kernel does not remember may still change a listing that it does.
    if (fuse_lowlevel_notify_inval_entry(session_, parent, name.data(), name.size()) != 0)
      drop_attributes_and_data(parent);
  }
  void drop_removed(Inode parent, Inode child, std::string_view name) override {
    if (fuse_lowlevel_notify_delete(session_, parent, child, name.data(), name.size()) != 0) drop_entry(parent, name);
  }
  bool drop_attributes(Inode inode) override { return fuse_lowlevel_notify_inval_inode(session_, inode, -1, 0) == 0; }
  bool drop_attributes_and_data(Inode inode) override {
    return fuse_lowlevel_notify_inval_inode(session_, inode, 0, 0) == 0;
  }

 private:
  fuse_session* const session_;
};

/// Kernels before 6.6 leave pages of other readers behind when a file is written past the page cache.
bool kernel_drops_pages_of_direct_writes() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 6);
}

Result<void> check_mount_point(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) {
    if (errno == ENOENT)
      return Error{Errc::not_found, "mount point " + path + " does not exist; make it: mkdir -p " + path};
    return Error{Errc::access_denied, "mount point " + path + ": " + std::strerror(errno)};
  }
  if (!S_ISDIR(st.st_mode)) return Error{Errc::not_directory, "mount point " + path + " is not a directory"};
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) return {};
  FILE* const mounts = std::fopen("/proc/self/mounts", "re");
  if (mounts == nullptr) return {};
  bool ours = false;
  char line[8192];
  while (std::fgets(line, sizeof line, mounts) != nullptr) {
    std::istringstream fields(line);
    std::string source;
    std::string target;
    std::string type;
    fields >> source >> target >> type;
    if (target == resolved && type == "fuse.kvfs") ours = true;
  }
  std::fclose(mounts);
  if (ours) return Error{Errc::busy, "a kvfs is mounted on " + path + " already; unmount it first: umount " + path};
  return {};
}

std::string join_options(const MountOptions& options) {
  std::string joined = "fsname=" + options.source + ",subtype=kvfs,default_permissions";
  if (options.allow_other) joined += ",allow_other";
  if (options.read_only) joined += ",ro";
  // As a local file system would: what set-user-ID programs and devices may do is decided by who may make them.
  if (geteuid() == 0) joined += ",suid,dev";
  for (const std::string& option : options.fuse_options) joined += "," + option;
  return joined;
}

Error mount_error(const MountOptions& options) {
  if (access("/dev/fuse", F_OK) != 0)
    return {Errc::unsupported,
            "there is no /dev/fuse: load the module (modprobe fuse) or give the container the device"};
  if (access("/dev/fuse", R_OK | W_OK) != 0)
    return {Errc::access_denied, "no permission to open /dev/fuse: run as root, or as a member of its group"};
  std::string detail = "cannot mount on " + options.mount_point;
  if (last_fuse_message[0] != '\0') detail.append(": ").append(last_fuse_message);
  if (options.allow_other && geteuid() != 0)
    detail += "; users other than root need user_allow_other in /etc/fuse.conf, or -o no_allow_other";
  return {Errc::access_denied, detail};
}

void about_to_block() {
  SessionLoop::about_to_block();
  RingLoop::about_to_block();
}

void about_to_wait_for_requests() {
  SessionLoop::about_to_wait_for_requests();
  RingLoop::about_to_wait_for_requests();
}

/// Before mounting: the kernel looks at its switch until it has the answer to its first request.
Result<void> switch_on_io_uring(std::optional<RingLoop::Switch>& io_uring, const MountOptions& options) {
  if (options.io_uring == IoUring::no || options.loop.threads_max == 1) return {};
  io_uring.emplace();
  if (io_uring->on() || options.io_uring != IoUring::yes) return {};
  return Error{io_uring->on().error().code, "mount.io_uring = yes: " + io_uring->on().error().message()};
}

/// Null: requests come by /dev/fuse.
Result<std::unique_ptr<RingLoop>> make_rings(fuse_session* session, unsigned threads_max, bool required) {
  auto rings = std::make_unique<RingLoop>(session, threads_max);
  const auto made = rings->prepare();
  if (made) return rings;
  if (required) return Error{made.error().code, "mount.io_uring = yes: " + made.error().message()};
  spdlog::info("mount: without io_uring: {}", made.error().message());
  return std::unique_ptr<RingLoop>();
}

// How far the kernel reads ahead is an attribute of the mount's "backing device" (sysfs-class-bdi), which only root may
// set; a file system can but lower it. Each request of a long read is a round trip, so that longer ones are faster.
void set_read_ahead(const MountOptions& options) {
  if (options.read_ahead_bytes == 0) return;
  struct stat root {};
  if (::stat(options.mount_point.c_str(), &root) != 0) return;
  const std::string path = fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(root.st_dev), minor(root.st_dev));
  std::ofstream(path) << options.read_ahead_bytes / 1024;
}

}  // namespace

struct Mount::State : OpsContext {
  InitPatch init_patch;
  std::mutex mutex;
  std::condition_variable init_answered;
  bool answered = false;  // guarded by mutex
  std::mutex stop_mutex;  // held while stopping
  bool stopped = false;   // guarded by stop_mutex

  std::unique_ptr<Filesystem> owned_filesystem;
  fuse_session* session = nullptr;
  bool mounted = false;
  std::unique_ptr<SessionCache> cache;
  std::unique_ptr<SessionLoop> loop;
  std::unique_ptr<RingLoop> rings;  // null: requests come by /dev/fuse alone
  std::optional<RingLoop::Switch> io_uring_switch;
  std::unique_ptr<Invalidator> invalidator;

  ~State() {
    invalidator.reset();
    rings.reset();  // may end the loop
    loop.reset();
    if (session == nullptr) return;
    if (mounted) fuse_session_unmount(session);
    fuse_session_destroy(session);
  }

  static State& of(void* user_data) { return static_cast<State&>(*static_cast<OpsContext*>(user_data)); }

  static ssize_t read_device(int fd, void* buffer, size_t bytes, void* user_data) {
    const ssize_t got = read(fd, buffer, bytes);
    if (got <= 0) return got;
    of(user_data).init_patch.saw_request(buffer, static_cast<size_t>(got));
    translate_newer_request(buffer, static_cast<size_t>(got));
    return got;
  }
  static ssize_t write_device(int fd, iovec* parts, int count, void* user_data) {
    if (RingLoop::reply(parts, count)) {
      size_t bytes = 0;
      for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
      return static_cast<ssize_t>(bytes);
    }
    State& state = of(user_data);
    const bool init = state.init_patch.patch_reply(parts, count);
    const ssize_t written = writev(fd, parts, count);
    if (init) state.io_uring_switch.reset();
    if (init && state.rings) {
      if (state.init_patch.io_uring_agreed() && written > 0)
        state.rings->start(state.init_patch.payload_bytes(), [&state] { state.loop->end(); });
      else
        state.rings->stop();
    }
    if (init) {
      const std::lock_guard lock(state.mutex);
      state.answered = true;
      state.init_answered.notify_all();
    }
    return written;
  }
};

Mount::Mount(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Mount>> Mount::start(Store& store, MountOptions options) {
  if (const auto cleared = clear_stale_mount(options.mount_point); !cleared) return cleared.error();
  if (const auto usable = check_mount_point(options.mount_point); !usable) return usable.error();
  fuse_set_log_func(log_fuse_message);
  auto state = std::make_unique<State>();
  const bool io_uring_required = options.io_uring == IoUring::yes && options.loop.threads_max > 1;
  if (auto done = switch_on_io_uring(state->io_uring_switch, options); !done) return done.error();
  if (!kernel_drops_pages_of_direct_writes()) options.filesystem.direct_io_writes = false;
  options.filesystem.before_blocking = about_to_block;
  options.filesystem.before_notifying = about_to_wait_for_requests;
  // Dropping attributes alone waits for nothing in the kernel: it may be done within a request.
  options.filesystem.attributes_changed = [raw = state.get()](Inode inode) {
    if (raw->cache) raw->cache->drop_attributes(inode);
  };
  options.filesystem.data_lost = [raw = state.get()](Inode inode) {
    about_to_wait_for_requests();
    if (raw->cache) raw->cache->drop_attributes_and_data(inode);
  };
  state->owned_filesystem = std::make_unique<Filesystem>(store, std::move(options.filesystem));
  state->filesystem = state->owned_filesystem.get();
  state->latencies.open(store.latencies());

  std::string program = "kvfs";
  std::string flag = "-o";
  std::string joined = join_options(options);
  char* arguments[] = {program.data(), flag.data(), joined.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  last_fuse_message[0] = '\0';
  const fuse_lowlevel_ops& operations = session_operations();
  state->session = fuse_session_new(&args, &operations, sizeof operations, static_cast<OpsContext*>(state.get()));
  fuse_opt_free_args(&args);
  if (state->session == nullptr) return Error{Errc::invalid, "mount options " + joined + ": " + last_fuse_message};
  if (fuse_session_mount(state->session, options.mount_point.c_str()) != 0) return mount_error(options);
  state->mounted = true;

  static const fuse_custom_io io{
      .writev = State::write_device, .read = State::read_device, .splice_receive = nullptr, .splice_send = nullptr};
  if (fuse_session_custom_io(state->session, &io, fuse_session_fd(state->session)) != 0)
    return Error{Errc::io, std::string("cannot set up /dev/fuse: ") + std::strerror(errno)};
  state->cache = std::make_unique<SessionCache>(state->session);
  state->loop = std::make_unique<SessionLoop>(state->session, options.loop);
  if (state->io_uring_switch && state->io_uring_switch->on()) {
    auto rings = make_rings(state->session, options.loop.threads_max, io_uring_required);
    if (!rings) return rings.error();
    state->rings = std::move(*rings);
    if (state->rings) state->init_patch.ask_for_io_uring();
  }
  state->invalidator = std::make_unique<Invalidator>(*state->filesystem, *state->cache);
  if (auto started = state->loop->start(); !started) return started.error();
  {
    std::unique_lock lock(state->mutex);
    if (!state->init_answered.wait_for(lock, kInitTimeout, [&] { return state->answered; }))
      return Error{Errc::timeout, "the kernel did not accept the mount on " + options.mount_point + " within 10 s"};
  }
  set_read_ahead(options);
  if (io_uring_required && !state->init_patch.io_uring_agreed())
    return Error{Errc::unsupported, "mount.io_uring = yes: the kernel did not agree"};
  if (state->init_patch.io_uring_agreed()) spdlog::info("mount: requests come over io_uring");
  return std::unique_ptr<Mount>(new Mount(std::move(state)));
}

Mount::~Mount() { stop(); }

void Mount::stop() {
  const std::lock_guard lock(state_->stop_mutex);
  if (state_->stopped) return;
  state_->stopped = true;
  state_->filesystem->publish_all();  // mostly done while requests are still answered
  state_->invalidator.reset();
  state_->loop->stop();
  if (state_->rings) state_->rings->stop();
  fuse_session_unmount(state_->session);
  state_->mounted = false;
  // What the kernel had no time to release, or programs still have open.
  state_->files.take_all([&](std::unique_ptr<FileHandle> handle) { state_->filesystem->release(std::move(handle)); });
}

void Mount::wait() { state_->loop->wait(); }

Filesystem& Mount::filesystem() { return *state_->filesystem; }

}  // namespace kvfs
