// How many values expire, and when: what INFO tells of each database.
#pragma once

#include <cstdint>
#include <map>

#include "store/txn.h"

namespace kvfs {

struct ExpiringValues {
  uint64_t count = 0;
  uint64_t left_ms = 0;  // until they expire, in sum
};

/// By collection. Walks the tenant's expiry index from what expires next, over at most `rows_max` rows.
std::map<DirId, ExpiringValues> expiring_values(const ReadTxn& txn, DirId tenant, uint64_t rows_max);

}  // namespace kvfs
