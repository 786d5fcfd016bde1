// Traces of keys that caches are measured by, the same for the same seed, and the exact LRU to compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <list>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace kvfs {

/// Numbers below `count`, the first ones most often: the k-th with a probability like 1/k^skew.
class Zipf {
 public:
  Zipf(size_t count, double skew) : sums_(count) {
    double sum = 0;
    for (size_t k = 0; k < count; ++k) sums_[k] = sum += 1 / std::pow(static_cast<double>(k + 1), skew);
  }
  size_t operator()(std::mt19937_64& random) const {
    const double at = static_cast<double>(random() >> 11) * 0x1p-53 * sums_.back();
    return static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

/// A Zipf trace; with `scan_each` not 0, after so many uses `scan_keys` others are read once each, in order, and never
/// again.
inline std::vector<uint32_t> make_trace(size_t uses, size_t keys, double skew, size_t scan_each, size_t scan_keys,
                                        uint64_t seed) {
  std::mt19937_64 random(seed);
  const Zipf zipf(keys, skew);
  std::vector<uint32_t> names(keys);  // popular keys are not neighbours
  for (size_t i = 0; i < keys; ++i) names[i] = static_cast<uint32_t>(i);
  std::shuffle(names.begin(), names.end(), random);
  std::vector<uint32_t> trace;
  auto next_scanned = static_cast<uint32_t>(keys);
  for (size_t i = 1; trace.size() < uses; ++i) {
    trace.push_back(names[zipf(random)]);
    if (scan_each != 0 && i % scan_each == 0)
      for (size_t n = 0; n < scan_keys && trace.size() < uses; ++n) trace.push_back(next_scanned++);
  }
  return trace;
}

inline std::string trace_key(uint32_t number) {
  std::string digits = std::to_string(number);
  return "key:" + std::string(10 - digits.size(), '0') + digits;
}

class ExactLru {
 public:
  explicit ExactLru(size_t keys_max) : keys_max_(keys_max) {}
  /// True: a hit. What misses is stored.
  bool use(uint32_t key) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (places_.size() == keys_max_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    places_[key] = order_.begin();
    return false;
  }

 private:
  const size_t keys_max_;
  std::list<uint32_t> order_;
  std::unordered_map<uint32_t, std::list<uint32_t>::iterator> places_;
};

}  // namespace kvfs
