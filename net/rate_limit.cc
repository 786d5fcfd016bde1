#include "net/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace kvfs {

namespace {
constexpr double kNsPerSecond = 1e9;
}

double RateLimiter::burst_of(const RateLimit& rate) {
  return rate.burst > 0 ? rate.burst : std::max(1.0, rate.per_second);
}

RateLimiter::Bucket& RateLimiter::bucket_of(Shard& shard, const RateLimit& rate, std::string_view name,
                                            int64_t now_ns) {
  const double burst = burst_of(rate);
  auto found = shard.buckets.find(name);
  if (found == shard.buckets.end()) {
    if (shard.buckets.size() >= shard.sweep_at) sweep(shard, rate, burst, now_ns);
    found = shard.buckets.emplace(std::string(name), Bucket{burst, now_ns}).first;
  }
  Bucket& bucket = found->second;
  const double gained =
      static_cast<double>(std::max<int64_t>(0, now_ns - bucket.at_ns)) / kNsPerSecond * rate.per_second;
  bucket.tokens = std::min(burst, bucket.tokens + gained);
  bucket.at_ns = now_ns;
  return bucket;
}

int64_t RateLimiter::charge(const RateLimit& rate, std::string_view name, double tokens, int64_t now_ns) {
  if (rate.per_second <= 0) return 0;
  Shard& shard = shards_[Hash{}(name) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  Bucket& bucket = bucket_of(shard, rate, name, now_ns);
  bucket.tokens -= tokens;
  if (bucket.tokens >= 0) return 0;
  return static_cast<int64_t>(-bucket.tokens / rate.per_second * kNsPerSecond);
}

RateLimiter::Verdict RateLimiter::take(const RateLimit& rate, std::string_view name, int64_t now_ns) {
  if (rate.per_second <= 0) return {};
  const double burst = burst_of(rate);
  Shard& shard = shards_[Hash{}(name) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  Bucket& bucket = bucket_of(shard, rate, name, now_ns);
  Verdict verdict;
  verdict.limit = static_cast<uint64_t>(burst);
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
  } else {
    verdict.allowed = false;
    verdict.retry_after_s =
        std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil((1.0 - bucket.tokens) / rate.per_second)));
  }
  verdict.remaining = static_cast<uint64_t>(bucket.tokens);
  verdict.reset_s = static_cast<uint64_t>(std::ceil((burst - bucket.tokens) / rate.per_second));
  return verdict;
}

void RateLimiter::sweep(Shard& shard, const RateLimit& rate, double burst, int64_t now_ns) {
  std::erase_if(shard.buckets, [&](const auto& item) {
    const Bucket& bucket = item.second;
    return static_cast<double>(now_ns - bucket.at_ns) / kNsPerSecond * rate.per_second > burst - bucket.tokens;
  });
  shard.sweep_at = std::max<size_t>(1024, shard.buckets.size() * 2);
}

size_t RateLimiter::size() const {
  size_t total = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.buckets.size();
  }
  return total;
}

}  // namespace kvfs
