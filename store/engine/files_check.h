// Verifies the files of a store that is not in use: every row of the base, every record of the journal, and the
// operations in it. Changes nothing, so that a store too damaged to be opened can be looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/result.h"

namespace kvfs {

struct FilesCheck {
  struct Damage {
    std::string where;  // a file, and where in it
    std::string what;
  };
  std::vector<Damage> damages;  // of what was durable: it is left out where the store is opened to be salvaged
  uint64_t segments = 0;        // with something that the base does not have
  uint64_t records = 0;         // likewise
  uint64_t bytes = 0;           // of these records
  uint64_t records_torn = 0;    // behind a torn one: never promised durable, lost in a power failure
};

/// Of the store in directory `path`. Errors: busy (it is in use), unsupported (written by a later version), and as
/// Base::open().
Result<FilesCheck> check_files(const std::string& path);

}  // namespace kvfs
