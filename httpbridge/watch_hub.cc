#include "httpbridge/watch_hub.h"

namespace kvfs::http {

void WatchHub::State::signal() {
  if (scheduled.exchange(true)) return;
  const std::lock_guard lock(mutex);
  if (post) post([state = shared_from_this()] { state->wake_all(); });
}

WatchHub::~WatchHub() {
  const std::lock_guard lock(state_->mutex);
  state_->post = nullptr;
}

void WatchHub::State::wake_all() {
  scheduled.store(false);
  std::erase_if(wakes, [](const auto& wake) { return wake.expired(); });
  const auto waiting = wakes;  // a wake may add another watch
  for (const auto& weak : waiting)
    if (const auto wake = weak.lock()) (*wake)();
}

std::shared_ptr<void> WatchHub::add(Wake wake) {
  auto listener = listener_.lock();
  if (!listener) {
    listener = feed_.listen([weak = std::weak_ptr(state_)] {
      if (const auto state = weak.lock()) state->signal();
    });
    listener_ = listener;
  }
  // The handle holds the feed's listener: the last watch takes it away.
  struct Handle {
    std::shared_ptr<Feed::Listener> listener;
    std::shared_ptr<Wake> wake;
  };
  auto handle = std::make_shared<Handle>(Handle{std::move(listener), std::make_shared<Wake>(std::move(wake))});
  state_->wakes.push_back(handle->wake);
  return handle;
}

}  // namespace kvfs::http
