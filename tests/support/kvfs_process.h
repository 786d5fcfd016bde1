// A running kvfs: started with a store, a mount point and ports of its own, stopped or killed, started again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_dir.h"

namespace kvfs::test {

/// The executable under test: $KVFS_EXE.
std::string kvfs_executable();

struct KvfsOptions {
  bool mount = true;                                 // false: `kvfs serve`
  Environment environment = {};                      // added to the defaults, e.g. {"KVFS_STORE_FSYNC", "strict"}
  std::string ini = {};                              // text of the file given by -c; empty and no keys: none is given
  std::map<std::string, std::string> api_keys = {};  // API key -> tenant
  std::vector<std::string> mount_options = {};       // each becomes -o OPTION
  bool resp = false;                                 // with a RESP listener
};

struct MemoryUse {
  uint64_t resident_bytes = 0;
  uint64_t file_bytes = 0;           // of them, pages of files: LMDB's map, which is the system's page cache
  uint64_t resident_peak_bytes = 0;  // the highest that resident_bytes was

  /// What the daemon itself took at most; the pages of files are those of now, which only grow.
  uint64_t own_peak_bytes() const { return resident_peak_bytes - std::min(file_bytes, resident_peak_bytes); }
};

/// The daemon in the foreground of a child process. Its store and its mount point outlive stop() and kill(), so that
/// start() may follow. The destructor stops it, and makes the running test fail if it does not stop cleanly or leaves
/// its mount behind (a killed one is cleaned up silently).
class KvfsProcess {
 public:
  /// Starts it. Throws with its output where it does not come up.
  explicit KvfsProcess(KvfsOptions options = {});
  ~KvfsProcess();
  KvfsProcess(const KvfsProcess&) = delete;
  KvfsProcess& operator=(const KvfsProcess&) = delete;

  /// Returns when the mount and the listeners answer. REQUIRES: not running.
  void start();
  /// Sends the signal and waits for the end; returns the exit code. Throws where it does not end in time.
  ExitCode stop(int signal_number = 15);
  /// Waits for an end that somebody else has caused, such as an unmount.
  ExitCode wait();
  /// kill -9. The mount stays in the kernel's table, stale.
  void kill();
  void restart() {
    stop();
    start();
  }

  const std::string& mount_point() const { return mount_point_; }
  const std::string& store_path() const { return store_path_; }
  /// A path in the mount: of the tenant and collection that a client gets who names none.
  std::string at(const std::string& name) const { return mount_point_ + "/default/default/" + name; }
  std::string in_mount(const std::string& path) const { return mount_point_ + "/" + path; }
  /// Files beside the store, outside the mount.
  std::string scratch(const std::string& name) const { return files_ / name; }

  uint16_t http_port() const { return http_port_; }
  uint16_t resp_port() const { return resp_port_; }
  std::string url(const std::string& target) const;
  HttpClient http(const std::string& api_key = {}) const { return HttpClient(http_port_, api_key); }

  pid_t pid() const { return child_->pid(); }
  bool running() const { return child_ && child_->running(); }
  /// What it printed since the first start.
  std::string log() const;
  MemoryUse memory() const;
  /// Makes the peak begin again from now.
  void reset_memory_peak() const;
  /// A line `name: value` of .kvfs/stats; throws where there is none.
  std::string stat(const std::string& name) const;

 private:
  bool answers() const;
  void spawn();

  KvfsOptions options_;
  TempDir files_;
  std::string mount_point_;
  std::string store_path_;
  std::string ini_path_;
  std::string log_path_;
  uint16_t http_port_ = 0;
  uint16_t resp_port_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace kvfs::test
