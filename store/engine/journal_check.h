// Verifies the journal of a store that is not in use: every record, and the operations in it. Changes nothing, so that
// a journal too damaged to be opened can be looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/result.h"

namespace kvfs {

struct JournalCheck {
  struct Damage {
    std::string file;
    uint64_t offset = 0;
    std::string what;
  };
  std::vector<Damage> damages;  // of what was durable: the store opens only to be salvaged
  uint64_t segments = 0;        // with something that the base does not have
  uint64_t records = 0;         // likewise
  uint64_t bytes = 0;           // of these records
  uint64_t records_torn = 0;    // behind a torn one: never promised durable, lost in a power failure
};

/// Of the store in directory `path`. Errors: busy (it is in use), unsupported (written by a later version), and as
/// Base::open().
Result<JournalCheck> check_journal(const std::string& path);

}  // namespace kvfs
