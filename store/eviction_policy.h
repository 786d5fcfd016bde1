// The names and kinds of eviction policies: what goes when a limit on keys or bytes is reached.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// Of all values, or (volatile) only of those with an expiry. Names and meaning as Redis has them; arc is ours.
enum class EvictionPolicy : uint8_t {
  noeviction,  // writes that grow are refused
  allkeys_lru,
  allkeys_lfu,
  allkeys_arc,
  allkeys_random,
  volatile_lru,
  volatile_lfu,
  volatile_random,
  volatile_ttl,
};

inline constexpr std::array<std::string_view, 9> kEvictionPolicyNames = {
    "noeviction",   "allkeys-lru",  "allkeys-lfu",     "allkeys-arc", "allkeys-random",
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"};

std::string_view to_string(EvictionPolicy policy);
/// Any case. Errors: invalid.
Result<EvictionPolicy> parse_eviction_policy(std::string_view name);

inline bool is_volatile(EvictionPolicy policy) { return policy >= EvictionPolicy::volatile_lru; }
inline bool is_lfu(EvictionPolicy policy) {
  return policy == EvictionPolicy::allkeys_lfu || policy == EvictionPolicy::volatile_lfu;
}
/// Whether it needs to know when and how often keys are used.
bool uses_history(EvictionPolicy policy);

}  // namespace kvfs
