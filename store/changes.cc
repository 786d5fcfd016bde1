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
  }
  return "unknown";
}

class Feed::Listener {
 public:
  Listener(std::function<void()> wake, Origin except) : wake_(std::move(wake)), except_(except) {}
  void wake() const { wake_(); }
  Origin except() const { return except_; }

 private:
  const std::function<void()> wake_;
  const Origin except_;
};

void Feed::publish(std::vector<Change> changes) {
  if (changes.empty()) return;
  std::vector<std::shared_ptr<Listener>> listeners;
  const Origin origin = changes.front().origin;
  const bool one_origin = origin != kNoOrigin && std::all_of(changes.begin(), changes.end(), [&](const Change& change) {
                            return change.origin == origin;
                          });
  {
    const std::lock_guard lock(mutex_);
    for (Change& change : changes) {
      last_ = change.id;
      ring_.push_back(std::make_shared<const Change>(std::move(change)));
    }
    while (ring_.size() > capacity_) {
      dropped_through_ = ring_.front()->id;
      ring_.pop_front();
    }
    std::erase_if(listeners_, [&](const std::weak_ptr<Listener>& each) {
      auto listener = each.lock();
      if (!listener) return true;
      if (!one_origin || listener->except() != origin) listeners.push_back(std::move(listener));
      return false;
    });
  }
  published_.notify_all();
  for (const auto& listener : listeners) listener->wake();
}

Feed::Batch Feed::read(uint64_t after, size_t count_max) const {
  const std::lock_guard lock(mutex_);
  Batch out;
  out.missed = after < dropped_through_;
  auto at = std::upper_bound(ring_.begin(), ring_.end(), after,
                             [](uint64_t id, const ChangePtr& change) { return id < change->id; });
  for (; at != ring_.end() && out.changes.size() < count_max; ++at) out.changes.push_back(*at);
  out.next = out.changes.empty() ? std::max(after, dropped_through_) : out.changes.back()->id;
  return out;
}

Feed::Batch Feed::wait(uint64_t after, size_t count_max, uint64_t timeout_ms) const {
  {
    std::unique_lock lock(mutex_);
    published_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return closed_ || last_ > after; });
  }
  return read(after, count_max);
}

uint64_t Feed::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::shared_ptr<Feed::Listener> Feed::listen(std::function<void()> wake, Origin except) {
  auto listener = std::make_shared<Listener>(std::move(wake), except);
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

}  // namespace kvfs
