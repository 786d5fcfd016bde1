// `.kvfs/events` and `.kvfs/events.since/ID`: the feed of changes as JSON lines that grow as changes are committed.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "fusefs/control_subtree.h"
#include "store/store.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class EventFiles final : public ControlSubtree {
 public:
  /// `bytes_max` of lines are remembered for each file that is open.
  EventFiles(Store& store, size_t bytes_max) : store_(store), bytes_max_(bytes_max) {}

  std::vector<Root> roots() const override { return {{"events"}, {"events.since"}}; }
  Result<struct stat> attributes(const ControlPlace& place) override;
  Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) override;

 private:
  class Log;
  class Handle;
  std::shared_ptr<Log> find(const ControlPlace& place);

  Store& store_;
  const size_t bytes_max_;
  std::mutex mutex_;
  std::map<ControlPlace, std::weak_ptr<Log>> logs_;  // guarded by mutex_: of the files that are open
};

}  // namespace kvfs
