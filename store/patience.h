// For what must not be left half done because there is no memory for a moment.
#pragma once

#include <chrono>
#include <new>
#include <thread>

namespace kvfs {

/// Calls until it does not throw bad_alloc, for a second or so; what the last call throws is thrown.
/// REQUIRES: a call that threw may be repeated.
template <class Call>
auto with_patience(const Call& call) {
  constexpr int kTriesMax = 100;
  for (int tries = 1; tries < kTriesMax; ++tries) {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return call();
}

}  // namespace kvfs
