#include "tests/support/kvfs_process.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/mounts.h"

namespace kvfs::test {

namespace {

bool accepts_connections(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

std::string listen_setting(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string ini_text(const KvfsOptions& options) {
  std::string text = options.ini;
  for (const auto& [key, tenant] : options.api_keys) text += "\n[tenant " + tenant + "]\nkeys = " + key + "\n";
  return text;
}

}  // namespace

std::string kvfs_executable() {
  const char* path = std::getenv("KVFS_EXE");
  if (path == nullptr) throw std::runtime_error("KVFS_EXE must name the kvfs executable");
  return path;
}

KvfsProcess::KvfsProcess(KvfsOptions options) : options_(std::move(options)) {
  mount_point_ = files_ / "mnt";
  store_path_ = files_ / "store";
  log_path_ = files_ / "log";
  make_directory(mount_point_);
  if (const std::string text = ini_text(options_); !text.empty()) {
    ini_path_ = files_ / "kvfs.ini";
    write_file(ini_path_, text);
  }
  start();
}

KvfsProcess::~KvfsProcess() {
  if (child_ && child_->running()) {
    child_->signal(SIGTERM);
    const auto code = child_->wait();
    if (!code) {
      ADD_FAILURE() << "kvfs does not end by SIGTERM; its output:\n" << log();
      child_->kill();
    } else {
      EXPECT_EQ(*code, 0) << "kvfs ends by SIGTERM with this output:\n" << log();
      EXPECT_FALSE(is_mounted(mount_point_)) << "kvfs has left its mount behind";
    }
  }
  unregister_for_cleanup(mount_point_);
  detach(mount_point_);
  if (::testing::Test::HasFailure()) std::cerr << "output of kvfs:\n" << log() << "\n";
}

void KvfsProcess::spawn() {
  http_port_ = free_port();
  if (options_.resp) resp_port_ = free_port();
  Environment environment = clean_environment();
  environment["KVFS_STORE_PATH"] = store_path_;
  if (const char* const io_uring = std::getenv("KVFS_MOUNT_IO_URING"); io_uring != nullptr)
    environment["KVFS_MOUNT_IO_URING"] = io_uring;
  environment["KVFS_HTTP_LISTEN"] = listen_setting(http_port_);
  environment["KVFS_RESP_LISTEN"] = options_.resp ? listen_setting(resp_port_) : "";
  for (const auto& [name, value] : options_.environment) environment[name] = value;

  std::vector<std::string> arguments{kvfs_executable(), options_.mount ? "mount" : "serve"};
  if (!ini_path_.empty()) arguments.insert(arguments.end(), {"-c", ini_path_});
  if (options_.mount) {
    arguments.push_back("-f");
    for (const std::string& option : options_.mount_options) arguments.insert(arguments.end(), {"-o", option});
    arguments.push_back(mount_point_);
  }
  child_ = std::make_unique<ChildProcess>(arguments, environment, log_path_);
  unregister_for_cleanup(mount_point_);
  register_for_cleanup(mount_point_, child_->pid());
}

bool KvfsProcess::answers() const {
  if (options_.mount && !try_read_file(mount_point_ + "/.kvfs/version")) return false;
  return accepts_connections(http_port_) && (!options_.resp || accepts_connections(resp_port_));
}

void KvfsProcess::start() {
  constexpr int kAttempts = 5;  // another process may take the port between our choosing it and kvfs's listening
  for (int attempt = 1;; ++attempt) {
    spawn();
    bool answered = false;
    constexpr std::chrono::seconds kStartDeadline{20};
    const bool settled = wait_until([&] { return (answered = answers()) || !child_->running(); }, kStartDeadline);
    if (answered) return;
    const bool port_taken = log().find("in use") != std::string::npos;
    if (!settled || !port_taken || attempt == kAttempts) {
      child_->kill();  // where the constructor throws, no destructor cleans up
      unregister_for_cleanup(mount_point_);
      detach(mount_point_);
      throw std::runtime_error("kvfs does not come up; its output:\n" + log());
    }
  }
}

ExitCode KvfsProcess::stop(int signal_number) {
  child_->signal(signal_number);
  return wait();
}

ExitCode KvfsProcess::wait() {
  const auto code = child_->wait();
  if (!code) throw std::runtime_error("kvfs does not end; its output:\n" + log());
  return *code;
}

void KvfsProcess::kill() { child_->kill(); }

std::string KvfsProcess::url(const std::string& target) const {
  return "http://localhost:" + std::to_string(http_port_) + target;
}

std::string KvfsProcess::log() const { return try_read_file(log_path_).value_or(""); }

MemoryUse KvfsProcess::memory() const {
  std::istringstream status(read_file("/proc/" + std::to_string(pid()) + "/status"));
  MemoryUse use;
  std::string line;
  constexpr uint64_t kKibibyte = 1024;
  while (std::getline(status, line)) {
    std::istringstream fields(line);
    std::string name;
    uint64_t value = 0;
    fields >> name >> value;
    if (name == "VmRSS:") use.resident_bytes = value * kKibibyte;
    if (name == "RssFile:") use.file_bytes = value * kKibibyte;
    if (name == "VmHWM:") use.resident_peak_bytes = value * kKibibyte;
  }
  return use;
}

void KvfsProcess::reset_memory_peak() const { write_file("/proc/" + std::to_string(pid()) + "/clear_refs", "5"); }

std::string KvfsProcess::stat(const std::string& name) const {
  std::istringstream lines(read_file(mount_point_ + "/.kvfs/stats"));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.rfind(name + ": ", 0) == 0) return line.substr(name.size() + 2);
  }
  throw std::runtime_error("no line " + name + " in .kvfs/stats");
}

}  // namespace kvfs::test
