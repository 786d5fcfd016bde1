// For engines that keep rows in memory: a hint that saves waiting for that memory row by row.
#pragma once

#include <span>
#include <string_view>

namespace kvfs {

/// What a snapshot may offer beside its own interface (ask with dynamic_cast).
class Prefetching {
 public:
  /// The rows with these keys are going to be read: their memory is fetched for all of them at once. Changes nothing.
  virtual void prefetch(std::span<const std::string_view> keys) const = 0;

 protected:
  ~Prefetching() = default;
};

}  // namespace kvfs
