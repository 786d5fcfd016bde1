// The last refusals and their reasons, for `.kvfs/last_error`: errno alone cannot say why. They name keys, so nobody is
// told of those of others.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "store/key.h"
#include "store/result.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class LastErrors {
 public:
  static constexpr size_t kKept = 16;           // of each tenant, and of what is in none
  static constexpr size_t kTenantsKept = 1024;  // the one that was refused something longest ago is forgotten
  /// `tenant`: 0 for what is in none. `uid`: of who was refused, unless nobody knows.
  void add(DirId tenant, std::optional<uid_t> uid, std::string_view request, const Error& error);
  /// One line each, the newest first: time, request, code, reason. `may_see` is asked for each, with its tenant and
  /// user, without a lock.
  using Filter = std::function<bool(DirId tenant, std::optional<uid_t> uid)>;
  std::string text(const Filter& may_see) const;

 private:
  struct Line {
    std::optional<uid_t> uid;
    std::string text;
  };
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  uint64_t last_number_ = 0;
  std::map<DirId, std::map<uint64_t, Line>> lines_;  // by tenant and number; none is empty
};

}  // namespace kvfs
