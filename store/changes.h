// The feed of committed changes: a bounded ring that many subscribers read at their own pace.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "store/change_log.h"

namespace kvfs {

class ChangeRing;

/// Thread safety: all functions may be called from any thread.
class Feed {
 public:
  /// `start`: ids up to it belong to earlier runs of the store and are not in the ring.
  Feed(size_t capacity, uint64_t start);
  ~Feed();

  /// Publishes in commit order. Wakes waiters; calls no foreign code but the listeners' wake functions.
  void publish(const ChangeLog& changes);

  struct Batch {
    std::vector<ChangePtr> changes;
    uint64_t next = 0;  // pass this as `after` the next time
    /// Changes between `after` and the first one had left the ring; or `after` is of a history that a power loss took,
    /// so that nobody can tell. All that the ring has follows.
    bool missed = false;
  };
  /// Up to `count_max` changes with id > `after`, at once.
  Batch read(uint64_t after, size_t count_max) const;
  /// Likewise, but waits until there is one, `timeout_ms` passed (empty batch), or close() was called.
  Batch wait(uint64_t after, size_t count_max, uint64_t timeout_ms) const;
  /// The newest id, 0 if none: start here to see only what comes.
  uint64_t last() const;

  /// `wake` is called after each publication, on the committing thread and without locks of the feed: it must only
  /// signal (post to an executor, notify a condition) and not throw. The listener ends with the returned handle.
  class Listener;
  std::shared_ptr<Listener> listen(std::function<void()> wake);

  /// `tell` is called with the changes of each transaction by others than `except`, on the thread that made them, after
  /// the commit and before the writer is told of its success, without a lock of the store: what must be true before a
  /// writer goes on is done there. It must not write to the store. `told`, where given, is called after the last change
  /// of each transaction. Ends with the returned handle; the handle's destructor waits for calls under way.
  class Observer;
  std::unique_ptr<Observer> observe(std::function<void(const Change&)> tell, Origin except,
                                    std::function<void()> told = {});
  /// For the store: calls the observers.
  void tell_observers(const ChangeLog& changes);

  /// Ends all waits, at shutdown.
  void close();

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable published_;
  const std::unique_ptr<ChangeRing> ring_;          // what it holds is guarded by mutex_
  std::vector<std::weak_ptr<Listener>> listeners_;  // guarded by mutex_
  std::shared_mutex observers_mutex_;
  std::vector<Observer*> observers_;  // guarded by observers_mutex_
  std::atomic<size_t> observers_count_{0};
  bool closed_ = false;  // guarded by mutex_
};

class Feed::Observer {
 public:
  Observer(Feed& feed, std::function<void(const Change&)> tell, Origin except, std::function<void()> told);
  ~Observer();
  Observer(const Observer&) = delete;

 private:
  friend class Feed;
  Feed& feed_;
  const std::function<void(const Change&)> tell_;
  const std::function<void()> told_;
  const Origin except_;
};

}  // namespace kvfs
