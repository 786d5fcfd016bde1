// What an administrator can tell a running kvfs: one table of commands, the same at its socket (control_server.h) and
// in the mount's control file. A command is words, its answer is text.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/progress.h"
#include "store/snapshots.h"
#include "store/store.h"

namespace kvfs {

struct ControlCommand {
  std::vector<std::string> words;   // the verb and its arguments
  DirId tenant = 0;                 // who asks: a tenant's own snapshots and figures; 0: everything
  ProgressFn progress;              // of what takes long; may be empty
  std::function<bool()> cancelled;  // asked now and then by what takes long: give up; may be empty
};

/// The words of a line, as a shell splits it: at blanks, but for what stands in '...', in "..." or behind a backslash.
/// Errors: invalid.
Result<std::vector<std::string>> split_words(std::string_view line);

struct ControlVerb {
  std::string name;
  std::string arguments;  // for people, e.g. "NAME [LEASE]"
  std::string help;
  size_t arguments_min = 0;
  size_t arguments_max = 0;
  bool for_tenants = false;  // also where one tenant asks; otherwise that is not_permitted
  /// The answer: lines that end in a line feed; empty: there is nothing to say.
  std::function<Result<std::string>(const ControlCommand&)> run;
};

/// Thread safety: run() may be called from any thread; add() before any of that.
class Control {
 public:
  /// REQUIRES: both outlive this.
  Control(Store& store, Snapshots& snapshots);

  void add(ControlVerb verb);

  /// The mount whose requests may be waiting for a command: no backup goes into it.
  void set_own_mount(dev_t device) { own_mount_ = device; }

  /// Does it and returns the answer. Errors: invalid (an unknown verb, wrong arguments; the detail says what is right),
  /// not_permitted (not for a tenant); of what is done.
  Result<std::string> run(const ControlCommand& command) const;
  /// Likewise, the words of a line. For the mount's control file.
  Result<std::string> run_line(DirId tenant, std::string_view line) const;

  /// A line for each verb that whoever asks may use.
  std::string help(DirId tenant) const;

 private:
  Result<std::string> backup_to(const ControlCommand& command) const;
  Result<std::string> check(const ControlCommand& command) const;
  Result<std::string> stats(const ControlCommand& command) const;
  Result<std::string> take_snapshot(const ControlCommand& command) const;
  Result<std::string> list_snapshots(const ControlCommand& command) const;
  void add_store_verbs();
  void add_snapshot_verbs();
  void add_trash_verbs();  // control_trash.cc

  Store& store_;
  Snapshots& snapshots_;
  std::vector<ControlVerb> verbs_;   // in the order of help()
  std::atomic<dev_t> own_mount_{0};  // 0: there is none
};

}  // namespace kvfs
