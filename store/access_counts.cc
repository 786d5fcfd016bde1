#include "store/access_counts.h"

namespace kvfs {

namespace {

size_t number_of_thread() {
  static std::atomic<size_t> next{0};
  thread_local const size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

void AccessCounts::add(DirId collection, bool hit) {
  std::atomic<uint64_t> Row::*const counter = hit ? &Row::hits : &Row::misses;
  Stripe& stripe = stripes_[number_of_thread() % kStripes];
  size_t at = static_cast<size_t>(collection * 0x9E3779B97F4A7C15ULL >> 32) % kRows;
  for (size_t probe = 0; probe < kProbesMax; ++probe, at = (at + 1) % kRows) {
    Row& row = stripe.rows[at];
    DirId present = row.collection.load(std::memory_order_relaxed);
    if (present == 0 && row.collection.compare_exchange_strong(present, collection)) present = collection;
    if (present != collection) continue;
    (row.*counter).fetch_add(1, std::memory_order_relaxed);
    return;
  }
  (stripe.others.*counter).fetch_add(1, std::memory_order_relaxed);
}

void AccessCounts::each(const std::function<void(DirId, uint64_t, uint64_t)>& tell) const {
  for (const Stripe& stripe : stripes_) {
    for (const Row& row : stripe.rows)
      if (const DirId collection = row.collection.load(); collection != 0)
        tell(collection, row.hits.load(), row.misses.load());
    tell(0, stripe.others.hits.load(), stripe.others.misses.load());
  }
}

}  // namespace kvfs
