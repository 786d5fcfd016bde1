// How many reads of each collection found a value, and how many did not.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "store/key.h"

namespace kvfs {

/// Counts for up to about a thousand collections; those beyond are counted together, as collection 0.
/// Thread safety: all functions may be called from any thread, and none blocks another.
class AccessCounts {
 public:
  void add(DirId collection, bool hit);
  /// Calls `tell(collection, hits, misses)` for parts of the counts: a collection may be told several times.
  void each(const std::function<void(DirId, uint64_t, uint64_t)>& tell) const;

 private:
  struct Row {
    std::atomic<DirId> collection{0};
    std::atomic<uint64_t> hits{0};
    std::atomic<uint64_t> misses{0};
  };
  static constexpr size_t kRows = 1024;
  static constexpr size_t kProbesMax = 16;
  static constexpr size_t kStripes = 4;  // of threads, so that they do not all write to the same lines
  struct alignas(64) Stripe {
    std::array<Row, kRows> rows;
    Row others;
  };

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace kvfs
