// CLIENT PAUSE: until when the commands of a tenant's clients wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class Pauses {
 public:
  /// Prolongs and widens what is under way, never the reverse. `all`: commands that only read wait, too.
  void pause(const std::string& tenant, uint64_t until_ms, bool all);
  void end(const std::string& tenant);
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }
  /// Until when a command waits; 0: it does not.
  uint64_t held_until_ms(const std::string& tenant, bool writes, uint64_t now_ms);

 private:
  struct Pause {
    uint64_t until_ms = 0;
    bool all = false;
  };
  std::atomic<size_t> count_{0};
  std::mutex mutex_;
  std::map<std::string, Pause> pauses_;  // guarded by mutex_; by tenant
};

}  // namespace kvfs::resp
