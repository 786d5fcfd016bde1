#include "store/eviction_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace kvfs {

std::string_view to_string(EvictionPolicy policy) { return kEvictionPolicyNames[static_cast<size_t>(policy)]; }

Result<EvictionPolicy> parse_eviction_policy(std::string_view name) {
  const auto same = [&](std::string_view known) {
    return std::equal(known.begin(), known.end(), name.begin(), name.end(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + ('a' - 'A') : b); });
  };
  for (size_t i = 0; i < kEvictionPolicyNames.size(); ++i)
    if (same(kEvictionPolicyNames[i])) return static_cast<EvictionPolicy>(i);
  return {Errc::invalid, fmt::format("an eviction policy is one of {}", fmt::join(kEvictionPolicyNames, ", "))};
}

bool uses_history(EvictionPolicy policy) {
  switch (policy) {
    case EvictionPolicy::allkeys_lru:
    case EvictionPolicy::allkeys_lfu:
    case EvictionPolicy::allkeys_arc:
    case EvictionPolicy::volatile_lru:
    case EvictionPolicy::volatile_lfu:
      return true;
    case EvictionPolicy::noeviction:
    case EvictionPolicy::allkeys_random:
    case EvictionPolicy::volatile_random:
    case EvictionPolicy::volatile_ttl:
      return false;
  }
  return false;
}

}  // namespace kvfs
