// A child process with its output in files, and shell commands as expressions.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/wait.h"

namespace kvfs::test {

using Environment = std::map<std::string, std::string>;

/// How a process ended: its exit code, or 128 + the signal's number as a shell says it.
using ExitCode = int;

/// A process that is killed when the object goes, or when the thread that started it ends.
/// Thread safety: none.
class ChildProcess {
 public:
  /// `environment` is the whole environment. Standard output and error go to `output_path`.
  ChildProcess(const std::vector<std::string>& arguments, const Environment& environment,
               const std::string& output_path);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  /// nullopt: still running at the deadline.
  std::optional<ExitCode> wait(std::chrono::milliseconds deadline = kDeadline);
  /// SIGKILL, and waits until it is gone.
  void kill();

 private:
  pid_t pid_ = -1;
  std::optional<ExitCode> exit_code_;
};

struct ShellResult {
  ExitCode exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs `command` by bash with pipefail, in `directory`, with this process's environment without what configures
/// kvfs. Killed (exit code 137) when it takes longer than the limit.
ShellResult shell(const std::string& command, const std::string& directory = "/",
                  std::chrono::seconds limit = std::chrono::seconds(300));

/// The standard output of a command that must succeed, without its last newline. Throws with its errors otherwise.
std::string output_of(const std::string& command, const std::string& directory = "/");

/// In single quotes.
std::string quoted(const std::string& word);

/// This process's environment without KVFS_*, PORT and DB_PATH.
Environment clean_environment();

}  // namespace kvfs::test
