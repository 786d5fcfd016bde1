// The latency series of the mount's operations, found without a lock by the operation's name.
#pragma once

#include <array>
#include <atomic>
#include <exception>
#include <mutex>

#include "store/latency.h"

namespace kvfs {

/// Thread safety: of() may be called from any thread.
class OperationLatencies {
 public:
  /// Without this, or without memory, of() gives null. REQUIRES: before the first of().
  void open(Latencies& latencies) { latencies_ = &latencies; }

  /// REQUIRES: a string that stays, such as a literal: it is known by its address.
  LatencySeries* of(const char* operation) {
    if (latencies_ == nullptr) return nullptr;
    for (Slot& slot : slots_) {
      const char* const present = slot.operation.load(std::memory_order_acquire);
      if (present == operation) return slot.series;
      if (present == nullptr) break;
    }
    return add(operation);
  }

 private:
  struct Slot {
    std::atomic<const char*> operation{nullptr};  // set after series, once
    LatencySeries* series = nullptr;
  };

  LatencySeries* add(const char* operation) noexcept try {
    const std::lock_guard lock(mutex_);
    LatencySeries* const series = &latencies_->series("fuse", operation);
    for (Slot& slot : slots_) {
      const char* const present = slot.operation.load(std::memory_order_relaxed);
      if (present == operation) break;
      if (present != nullptr) continue;
      slot.series = series;
      slot.operation.store(operation, std::memory_order_release);
      break;
    }
    return series;
  } catch (const std::exception&) {  // no memory: the next one adds it
    return nullptr;
  }

  Latencies* latencies_ = nullptr;
  std::mutex mutex_;
  std::array<Slot, 64> slots_;  // in the order of their first use; more than there are operations
};

}  // namespace kvfs
