// `.kvfs/channels/NAME` (of the root: `channels/TENANT/NAME`): a line written is a message published; what is published
// while somebody has the file open can be read from it.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "fusefs/control_subtree.h"
#include "store/store.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class ChannelFiles final : public ControlSubtree {
 public:
  /// `bytes_max` of messages are remembered for each channel that is open.
  ChannelFiles(Store& store, size_t bytes_max) : store_(store), bytes_max_(bytes_max) {}

  std::vector<Root> roots() const override { return {{"channels"}}; }
  Result<struct stat> attributes(const ControlPlace& place) override;
  Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) override;
  Result<void> list(const ControlPlace& directory, std::string_view after, const Sink& sink) override;

 private:
  class Log;
  class Handle;
  struct Channel {
    std::string tenant;
    std::string name;  // empty: the directory of the tenant's channels
    auto operator<=>(const Channel&) const = default;
  };
  /// Errors: not_found, invalid.
  Result<Channel> channel(const ControlPlace& place) const;
  std::shared_ptr<Log> log_of(const Channel& channel, bool make);

  Store& store_;
  const size_t bytes_max_;
  std::mutex mutex_;
  std::map<Channel, std::weak_ptr<Log>> logs_;  // guarded by mutex_
};

}  // namespace kvfs
