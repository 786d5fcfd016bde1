// A map that forgets what was put in long ago, so that it stays bounded.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace kvfs {

/// Holds at least the last `size_max / 2` keys that were put in, and never more than `size_max`. Not thread-safe.
template <typename Key, typename Value>
class Generations {
 public:
  explicit Generations(size_t size_max) : size_max_(size_max) {}

  void put(const Key& key, Value value) {
    if (young_.size() >= size_max_ / 2) old_ = std::exchange(young_, {});
    young_.insert_or_assign(key, std::move(value));
  }
  /// nullptr: not there. The younger value, where there are two. Valid until the next put().
  const Value* find(const Key& key) const {
    for (const auto* generation : {&young_, &old_})
      if (const auto it = generation->find(key); it != generation->end()) return &it->second;
    return nullptr;
  }

 private:
  const size_t size_max_;
  std::unordered_map<Key, Value> young_;
  std::unordered_map<Key, Value> old_;
};

}  // namespace kvfs
