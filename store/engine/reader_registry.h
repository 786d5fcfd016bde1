// Which sequence numbers are still being read, so that nothing a reader can see is reclaimed.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <vector>

#include "store/engine/engine.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread; a slot belongs to one reader.
class ReaderRegistry {
 public:
  static constexpr Sequence kIdle = std::numeric_limits<Sequence>::max();

  class Slot {
   public:
    /// Registers at the newest sequence that `visible` holds and returns it. Whoever reclaims first advances `visible`
    /// past what it reclaims, then looks at the slots: reading `visible` again after the store closes the gap.
    Sequence enter(const std::atomic<Sequence>& visible);
    /// Registers at `sequence`. REQUIRES: it cannot be reclaimed during the call.
    void enter_at(Sequence sequence);
    void leave() { sequence_.store(kIdle, std::memory_order_release); }

   private:
    friend class ReaderRegistry;
    std::atomic<Sequence> sequence_{kIdle};
    std::atomic<uint64_t> since_ms_{0};
  };

  Slot* acquire();
  /// REQUIRES: `slot` was acquired here. Leaves it.
  void release(Slot* slot);

  /// The smallest sequence being read; kIdle: none.
  Sequence oldest() const;
  uint64_t oldest_age_ms() const;
  uint64_t active() const;

 private:
  mutable std::mutex mutex_;
  std::deque<Slot> slots_;     // guarded by mutex_; addresses are stable
  std::vector<Slot*> free_;    // guarded by mutex_
};

/// Milliseconds of a monotonic clock, coarse and cheap.
uint64_t coarse_now_ms();

}  // namespace kvfs
