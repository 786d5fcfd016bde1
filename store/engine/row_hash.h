// The hash by which rows are found in memory: one for write sets and memtables, so that a row's key is hashed once.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvfs {

/// Of this process alone: nobody outside knows the seed, so nobody can choose keys that share a place.
uint64_t row_hash(std::string_view key);

}  // namespace kvfs
