// The file that a clean shutdown leaves beside the chunk segments: which of their pages are live, and the last commit.
// DO NOT CHANGE the format: docs/format.md, "Chunk log".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "store/engine/file.h"
#include "store/result.h"

namespace kvfs {

struct CleanSegment {
  uint32_t end = 0;            // pages in use, from the segment's start
  std::vector<uint64_t> live;  // one bit a page
};
struct CleanMap {
  std::map<uint32_t, CleanSegment> segments;
  uint64_t last_commit = 0;  // 0: an older version left it, which did not say
};

/// Durable when it returns without error. Errors: io, no_space.
Result<void> write_clean_map(Directory& directory, const CleanMap& map);
/// nullopt: absent or damaged, which both mean that the live pages are not known.
std::optional<CleanMap> read_clean_map(Directory& directory);
/// Durable when it returns without error.
Result<void> remove_clean_map(Directory& directory);

}  // namespace kvfs
