// Waiting for a condition that announces itself in no other way: bounded, and never a bare sleep in a test.
#pragma once

#include <chrono>
#include <thread>

namespace kvfs::test {

inline constexpr std::chrono::seconds kDeadline{60};  // generous: a slow machine must not fail a test

/// Checks `condition` every few milliseconds; true as soon as it holds, false if it does not hold in time.
template <class Condition>
bool wait_until(Condition&& condition, std::chrono::milliseconds deadline = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace kvfs::test
