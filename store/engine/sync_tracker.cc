#include "store/engine/sync_tracker.h"

#include <algorithm>

namespace kvfs {

SyncTracker::Demand SyncTracker::committed(Sequence sequence, const Durability& durability, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  uint64_t due_before = kNever;
  uint64_t operations = 1;
  uint64_t operations_max = kNever;
  uint64_t oldest_ms = now_ms;
  uint64_t age_ms_max = kNever;
  for (const Epoch& epoch : epochs_) {
    due_before = std::min(due_before, epoch.due_ms);
    operations += epoch.operations;
    operations_max = std::min(operations_max, epoch.operations_max);
    oldest_ms = std::min(oldest_ms, epoch.first_ms);
    age_ms_max = std::min(age_ms_max, epoch.age_ms_max);
  }
  if (closed_) {
    epochs_.emplace_back().first_ms = now_ms;
    closed_ = false;
  }
  Epoch& epoch = epochs_.back();
  epoch.last = sequence;
  epoch.operations += 1;
  // Who commits strictly syncs, too.
  uint64_t due_ms = durability.mode == Durability::Mode::strict ? kNever : now_ms + kSystemSyncMs;
  // In the background at half of what is allowed, so that few commits have to wait.
  if (durability.mode == Durability::Mode::every) {
    epoch.operations_max = std::min(epoch.operations_max, durability.n);
    if (operations >= (durability.n + 1) / 2) due_ms = now_ms;
  } else if (durability.mode == Durability::Mode::interval) {
    epoch.age_ms_max = std::min(epoch.age_ms_max, durability.n);
    due_ms = std::min(due_ms, now_ms + durability.n / 2);
  }
  epoch.due_ms = std::min(epoch.due_ms, due_ms);
  Demand demand;
  demand.sooner = epoch.due_ms < due_before;
  demand.now = operations >= std::min(operations_max, epoch.operations_max) ||
               now_ms - oldest_ms >= std::min(age_ms_max, epoch.age_ms_max);
  return demand;
}

void SyncTracker::sync_begins() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void SyncTracker::synced(Sequence durable) {
  const std::lock_guard lock(mutex_);
  while (!epochs_.empty() && epochs_.front().last <= durable) {
    epochs_.pop_front();
    if (epochs_.empty()) closed_ = true;
  }
}

uint64_t SyncTracker::due_ms() const {
  const std::lock_guard lock(mutex_);
  uint64_t due_ms = kNever;
  for (const Epoch& epoch : epochs_) due_ms = std::min(due_ms, epoch.due_ms);
  return due_ms;
}

uint64_t SyncTracker::operations() const {
  const std::lock_guard lock(mutex_);
  uint64_t operations = 0;
  for (const Epoch& epoch : epochs_) operations += epoch.operations;
  return operations;
}

uint64_t SyncTracker::oldest_age_ms(uint64_t now_ms) const {
  const std::lock_guard lock(mutex_);
  return epochs_.empty() || epochs_.front().first_ms > now_ms ? 0 : now_ms - epochs_.front().first_ms;
}

}  // namespace kvfs
