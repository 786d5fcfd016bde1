// Gives the disk space back that a store's base holds but does not use.
#pragma once

#include <cstdint>

#include "store/engine/engine.h"

namespace kvfs {

struct CompactReport {
  uint64_t bytes_before = 0;  // of the base's file
  uint64_t bytes_after = 0;
};

/// Folds the journal into the base, then rewrites the base without its free pages and puts the result in its place in
/// one step: whatever interrupts it, the old base or the new one is there. Chunks need none of this: their space is
/// given back as they go. Needs the disk space of the base's live pages meanwhile. Errors: as open_engine() (busy: the
/// store is in use), no_space, io, unsupported (an engine without a base).
Result<CompactReport> compact(const EngineOptions& options);

}  // namespace kvfs
