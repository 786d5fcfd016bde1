#include "store/changes.h"

#include <algorithm>
#include <chrono>

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

std::vector<ChangePtr> Feed::publish(std::vector<Change> changes) {
  std::vector<ChangePtr> published;
  if (changes.empty()) return published;
  published.reserve(changes.size());
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    for (Change& change : changes) {
      last_ = change.id;
      published.push_back(std::make_shared<const Change>(std::move(change)));
      ring_.push_back(published.back());
    }
    while (ring_.size() > capacity_) {
      dropped_through_ = ring_.front()->id;
      ring_.pop_front();
    }
    std::erase_if(listeners_, [&](const std::weak_ptr<Listener>& each) {
      auto listener = each.lock();
      if (!listener) return true;
      listeners.push_back(std::move(listener));
      return false;
    });
  }
  published_.notify_all();
  for (const auto& listener : listeners) listener->wake();
  return published;
}

Feed::Batch Feed::read(uint64_t after, size_t count_max) const {
  const std::lock_guard lock(mutex_);
  Batch out;
  out.missed = after < dropped_through_ || after > last_;
  if (after > last_) after = dropped_through_;
  auto at = std::upper_bound(ring_.begin(), ring_.end(), after,
                             [](uint64_t id, const ChangePtr& change) { return id < change->id; });
  for (; at != ring_.end() && out.changes.size() < count_max; ++at) out.changes.push_back(*at);
  out.next = out.changes.empty() ? std::max(after, dropped_through_) : out.changes.back()->id;
  return out;
}

Feed::Batch Feed::wait(uint64_t after, size_t count_max, uint64_t timeout_ms) const {
  {
    std::unique_lock lock(mutex_);
    published_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return closed_ || last_ != after; });
  }
  return read(after, count_max);
}

uint64_t Feed::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
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

Feed::Observer::Observer(Feed& feed, std::function<void(const Change&)> tell, Origin except)
    : feed_(feed), tell_(std::move(tell)), except_(except) {
  const std::unique_lock lock(feed_.observers_mutex_);
  feed_.observers_.push_back(this);
  feed_.observers_count_++;
}

Feed::Observer::~Observer() {
  const std::unique_lock lock(feed_.observers_mutex_);
  std::erase(feed_.observers_, this);
  feed_.observers_count_--;
}

std::unique_ptr<Feed::Observer> Feed::observe(std::function<void(const Change&)> tell, Origin except) {
  return std::make_unique<Observer>(*this, std::move(tell), except);
}

void Feed::tell_observers(const std::vector<ChangePtr>& changes) {
  if (changes.empty() || observers_count_.load(std::memory_order_acquire) == 0) return;
  const std::shared_lock lock(observers_mutex_);
  for (const Observer* observer : observers_)
    for (const ChangePtr& change : changes)
      if (change->origin != observer->except_ || change->origin == kNoOrigin) observer->tell_(*change);
}

}  // namespace kvfs
