// Signals as descriptors: blocked in all threads, read by the one that waits for the end.
#pragma once

#include <functional>

namespace kvfs {

enum class Event {
  stop,       // SIGTERM, SIGINT
  reload,     // SIGHUP
  unmounted,  // somebody else unmounted the file system
};

/// Blocks the signals for this thread and those that it starts from then on; SIGPIPE is ignored.
/// Make it before any thread. Thread safety: notify_unmounted() from any thread, wait() from one.
class EventWaiter {
 public:
  EventWaiter();
  ~EventWaiter();
  EventWaiter(const EventWaiter&) = delete;
  EventWaiter& operator=(const EventWaiter&) = delete;

  Event wait();
  void notify_unmounted();

 private:
  int signals_ = -1;
  int unmounted_ = -1;
};

}  // namespace kvfs
