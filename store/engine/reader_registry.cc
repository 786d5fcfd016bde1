#include "store/engine/reader_registry.h"

#include <time.h>

#include <algorithm>

namespace kvfs {

uint64_t coarse_now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

Sequence ReaderRegistry::Slot::enter(const std::atomic<Sequence>& visible) {
  since_ms_.store(coarse_now_ms(), std::memory_order_relaxed);
  Sequence sequence = visible.load();
  for (;;) {
    sequence_.store(sequence);
    const Sequence again = visible.load();
    if (again == sequence) return sequence;
    sequence = again;
  }
}

void ReaderRegistry::Slot::enter_at(Sequence sequence) {
  since_ms_.store(coarse_now_ms(), std::memory_order_relaxed);
  sequence_.store(sequence);
}

ReaderRegistry::Slot* ReaderRegistry::acquire() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    free_.reserve(slots_.size() + 1);  // so that release() needs no memory
    return &slots_.emplace_back();
  }
  Slot* slot = free_.back();
  free_.pop_back();
  return slot;
}

void ReaderRegistry::release(Slot* slot) {
  slot->leave();
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

Sequence ReaderRegistry::oldest() const {
  const std::lock_guard lock(mutex_);
  Sequence oldest = kIdle;
  for (const Slot& slot : slots_) oldest = std::min(oldest, slot.sequence_.load());
  return oldest;
}

uint64_t ReaderRegistry::oldest_age_ms() const {
  const uint64_t now_ms = coarse_now_ms();
  const std::lock_guard lock(mutex_);
  uint64_t age_ms = 0;
  for (const Slot& slot : slots_) {
    if (slot.sequence_.load() == kIdle) continue;
    const uint64_t since_ms = slot.since_ms_.load(std::memory_order_relaxed);
    if (since_ms < now_ms) age_ms = std::max(age_ms, now_ms - since_ms);
  }
  return age_ms;
}

uint64_t ReaderRegistry::active() const {
  const std::lock_guard lock(mutex_);
  uint64_t count = 0;
  for (const Slot& slot : slots_) count += slot.sequence_.load() != kIdle ? 1 : 0;
  return count;
}

}  // namespace kvfs
