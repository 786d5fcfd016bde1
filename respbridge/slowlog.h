// The last commands that took long (SLOWLOG), of each tenant.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/command.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class Slowlog {
 public:
  struct Record {
    uint64_t id = 0;
    uint64_t at_s = 0;
    uint64_t took_us = 0;
    std::vector<std::string> args;  // cut to kArgumentsMax, each to kArgumentBytesMax
    std::string tenant;
    std::string address;
    std::string client_name;
  };
  static constexpr size_t kArgumentsMax = 32;
  static constexpr size_t kArgumentBytesMax = 128;

  void add(Args args, uint64_t at_s, uint64_t took_us, const Client& client, size_t entries_max);
  /// Newest first.
  std::vector<Record> of(std::string_view tenant, size_t count_max) const;
  size_t length(std::string_view tenant) const;
  void reset(std::string_view tenant);

 private:
  mutable std::mutex mutex_;
  std::deque<Record> records_;  // guarded by mutex_; newest first
  uint64_t next_id_ = 0;        // guarded by mutex_
};

}  // namespace kvfs::resp
