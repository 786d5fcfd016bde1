// `.kvfs/control`: a line written is a command; its answer is read back.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "fusefs/control_subtree.h"

namespace kvfs {

/// What carries out commands, given by the daemon.
struct ControlCommands {
  /// Of a tenant, or of all (0). The answer; errors are those of what is done.
  std::function<Result<std::string>(DirId tenant, std::string_view line)> run;
  /// What whoever asks may say.
  std::function<std::string(DirId tenant)> help;
};

/// Thread safety: all functions may be called from any thread.
class CommandFile final : public ControlSubtree {
 public:
  /// `before` is called before a command, which may take long.
  CommandFile(ControlCommands commands, std::function<void()> before)
      : commands_(std::move(commands)), before_(std::move(before)) {}

  std::vector<Root> roots() const override;
  Result<struct stat> attributes(const ControlPlace& place) override;
  Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) override;

 private:
  class Handle;
  const ControlCommands commands_;
  const std::function<void()> before_;
  std::mutex mutex_;
  std::map<DirId, std::string> answers_;  // guarded by mutex_: the last one in each control directory
};

}  // namespace kvfs
