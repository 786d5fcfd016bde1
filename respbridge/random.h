// Randomness for commands that draw.
#pragma once

#include <cstdint>
#include <random>

namespace kvfs::resp {

/// Of the calling thread.
inline std::mt19937_64& random_engine() {
  thread_local std::mt19937_64 engine(std::random_device{}());
  return engine;
}

/// REQUIRES: count > 0.
inline uint64_t random_below(uint64_t count) {
  return std::uniform_int_distribution<uint64_t>(0, count - 1)(random_engine());
}

}  // namespace kvfs::resp
