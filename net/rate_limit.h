// Token buckets by name (a key, an address), refilled as time passes. Memory is bounded: full buckets are forgotten.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace kvfs {

/// A rate of tokens. `per_second` 0: no limit. `burst` 0: as many as one second gives.
struct RateLimit {
  double per_second = 0;
  double burst = 0;
};

/// Thread safety: all functions may be called from any thread.
class RateLimiter {
 public:
  struct Verdict {
    bool allowed = true;
    uint64_t limit = 0;          // the burst
    uint64_t remaining = 0;      // whole tokens left
    uint64_t reset_s = 0;        // until the bucket is full again
    uint64_t retry_after_s = 0;  // where not allowed: until there is a token, at least 1
  };
  /// Takes one token from the bucket of `name`. `now_ns` is of a monotonic clock.
  Verdict take(const RateLimit& rate, std::string_view name, int64_t now_ns);

  /// Takes `tokens` at once, more than there are if need be: in how many nanoseconds there will be one again; 0: now.
  int64_t charge(const RateLimit& rate, std::string_view name, double tokens, int64_t now_ns);

  /// Buckets held now.
  size_t size() const;

 private:
  struct Bucket {
    double tokens = 0;
    int64_t at_ns = 0;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Bucket, Hash, std::equal_to<>> buckets;  // guarded by mutex
    size_t sweep_at = 1024;                                                  // guarded by mutex
  };
  static double burst_of(const RateLimit& rate);
  /// With what it has gained until now.
  static Bucket& bucket_of(Shard& shard, const RateLimit& rate, std::string_view name, int64_t now_ns);
  static void sweep(Shard& shard, const RateLimit& rate, double burst, int64_t now_ns);
  std::array<Shard, 16> shards_;
};

}  // namespace kvfs
