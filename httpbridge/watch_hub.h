// Wakes the watches of one thread when something was committed: one signal from the committing thread, however many
// watches there are, and none while there is no watch.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "store/changes.h"

namespace kvfs::http {

/// All functions but the feed's own call run on the thread whose `post` it was given.
class WatchHub {
 public:
  /// `post` runs a function later on the hub's thread; callable from any thread.
  using Post = std::function<void(std::function<void()>)>;
  WatchHub(Feed& feed, Post post) : feed_(feed), state_(std::make_shared<State>()) { state_->post = std::move(post); }
  /// A commit that is signalling right now is waited for; later ones post nothing.
  ~WatchHub();

  /// Called on the hub's thread after commits. Ends with the returned handle.
  using Wake = std::function<void()>;
  std::shared_ptr<void> add(Wake wake);

 private:
  struct State : std::enable_shared_from_this<State> {
    std::mutex mutex;
    Post post;  // guarded by mutex; empty once the hub is gone
    std::atomic<bool> scheduled{false};
    std::vector<std::weak_ptr<Wake>> wakes;  // of the hub's thread
    void signal();
    void wake_all();
  };
  Feed& feed_;
  std::shared_ptr<State> state_;
  std::weak_ptr<Feed::Listener> listener_;
};

}  // namespace kvfs::http
