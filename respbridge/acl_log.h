// What was refused lately for lack of a key or a right (ACL LOG).
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/client.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class AclLog {
 public:
  struct Record {
    uint64_t count = 1;  // of the same within kSameMs
    std::string_view reason;
    std::string_view context;
    std::string object;
    std::string user;
    std::string tenant;  // empty: the client had none yet
    std::string client;  // its line of CLIENT LIST
    uint64_t at_ms = 0;
  };
  static constexpr size_t kRecordsMax = 128;
  static constexpr size_t kNameBytesMax = 128;
  static constexpr uint64_t kSameMs = 60'000;

  /// A key that is none, sent by `command` (AUTH or HELLO as typed). `in_exec`: within EXEC.
  void refused_key(const Client& client, std::string_view command, std::string_view user, bool in_exec,
                   uint64_t now_ms);
  /// A command that the client's key does not allow.
  void refused_command(const Client& client, std::string_view command, bool in_exec, uint64_t now_ms);

  /// Newest first; what the client may know of.
  std::vector<Record> visible_to(const Client& client, size_t count_max) const;
  void reset(const Client& client);

 private:
  void add(Record record, const Client& client);

  mutable std::mutex mutex_;
  std::deque<Record> records_;  // guarded by mutex_; newest first
};

}  // namespace kvfs::resp
