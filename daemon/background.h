// Going to the background: the command that a person typed waits until the daemon answers, and says why if it does not.
#pragma once

#include <functional>
#include <string>

#include "daemon/exit_code.h"

namespace kvfs {

/// The daemon's side of the pipe to the command that waits. Move-only; without a pipe (foreground) all is a no-op.
class Readiness {
 public:
  Readiness() = default;
  explicit Readiness(int pipe) : pipe_(pipe) {}
  Readiness(Readiness&& other) noexcept;
  Readiness& operator=(Readiness&& other) noexcept;
  ~Readiness();

  /// The command may return now. Standard input, output and error go to /dev/null from here on.
  void ready();
  /// The command prints the line and ends with the code. Returns whether somebody waits for it.
  bool failed(const Failure& failure);

 private:
  void close();
  int pipe_ = -1;
};

/// Forks. In the child (a session of its own, in the directory /) runs `daemon` and returns its exit code. In the
/// parent waits until the child is ready, then calls `check`, or until it failed, prints that, and returns the exit
/// code. REQUIRES: no thread has been started.
int run_in_background(const std::function<int(Readiness)>& daemon, const std::function<void()>& check);

}  // namespace kvfs
