#include "store/changes.h"

#include <algorithm>
#include <chrono>

#include "store/change_ring.h"
#include "store/patience.h"

namespace kvfs {

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::put:
      return "put";
    case ChangeKind::remove:
      return "remove";
    case ChangeKind::expire:
      return "expire";
    case ChangeKind::attributes:
      return "attributes";
    case ChangeKind::make:
      return "make";
    case ChangeKind::remove_dir:
      return "remove_dir";
    case ChangeKind::rename:
      return "rename";
    case ChangeKind::link:
      return "link";
    case ChangeKind::evict:
      return "evict";
  }
  return "unknown";
}

class Feed::Listener {
 public:
  explicit Listener(std::function<void()> wake) : wake_(std::move(wake)) {}
  void wake() const { wake_(); }

 private:
  const std::function<void()> wake_;
};

Feed::Feed(size_t capacity, uint64_t start) : ring_(std::make_unique<ChangeRing>(capacity, start)) {}

Feed::~Feed() = default;

void Feed::publish(const ChangeLog& changes) {
  if (changes.empty()) return;
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    with_patience([&] { listeners.reserve(listeners_.size()); });
    ring_->push(changes);
    std::erase_if(listeners_, [&](const std::weak_ptr<Listener>& each) {
      auto listener = each.lock();
      if (!listener) return true;
      listeners.push_back(std::move(listener));
      return false;
    });
  }
  published_.notify_all();
  for (const auto& listener : listeners) listener->wake();
}

Feed::Batch Feed::read(uint64_t after, size_t count_max) const {
  const std::lock_guard lock(mutex_);
  Batch out;
  out.missed = after < ring_->dropped_through() || after > ring_->last();
  if (after > ring_->last()) after = ring_->dropped_through();
  out.changes = ring_->read(after, count_max);
  out.next = out.changes.empty() ? std::max(after, ring_->dropped_through()) : out.changes.back()->id;
  return out;
}

Feed::Batch Feed::wait(uint64_t after, size_t count_max, uint64_t timeout_ms) const {
  {
    std::unique_lock lock(mutex_);
    published_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return closed_ || ring_->last() != after; });
  }
  return read(after, count_max);
}

uint64_t Feed::last() const {
  const std::lock_guard lock(mutex_);
  return ring_->last();
}

std::shared_ptr<Feed::Listener> Feed::listen(std::function<void()> wake) {
  auto listener = std::make_shared<Listener>(std::move(wake));
  const std::lock_guard lock(mutex_);
  listeners_.push_back(listener);
  return listener;
}

void Feed::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  published_.notify_all();
}

Feed::Observer::Observer(Feed& feed, std::function<void(const Change&)> tell, Origin except, std::function<void()> told)
    : feed_(feed), tell_(std::move(tell)), told_(std::move(told)), except_(except) {
  const std::unique_lock lock(feed_.observers_mutex_);
  feed_.observers_.push_back(this);
  feed_.observers_count_++;
}

Feed::Observer::~Observer() {
  const std::unique_lock lock(feed_.observers_mutex_);
  std::erase(feed_.observers_, this);
  feed_.observers_count_--;
}

std::unique_ptr<Feed::Observer> Feed::observe(std::function<void(const Change&)> tell, Origin except,
                                              std::function<void()> told) {
  return std::make_unique<Observer>(*this, std::move(tell), except, std::move(told));
}

void Feed::tell_observers(const ChangeLog& changes) {
  if (changes.empty() || observers_count_.load(std::memory_order_acquire) == 0) return;
  const std::vector<Change> told = with_patience([&] { return changes.all(); });
  const std::shared_lock lock(observers_mutex_);
  for (const Observer* observer : observers_) {
    for (const Change& change : told)
      if (change.origin != observer->except_ || change.origin == kNoOrigin) observer->tell_(change);
    if (observer->told_) observer->told_();
  }
}

}  // namespace kvfs
