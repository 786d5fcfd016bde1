// What a reader merges: the newest commits in memory over the base.
#pragma once

#include <cstdint>
#include <memory>

#include "store/engine/memtable.h"

namespace kvfs {

/// Immutable but for commits that are added to `active`. Replaced as a whole when a memtable is frozen or folded.
struct Layers {
  uint64_t number = 0;  // of this set of layers; each has its own
  std::shared_ptr<Memtable> active;
  std::shared_ptr<const Memtable> frozen;  // on its way into the base; null: none
  Sequence frozen_last = 0;                // the last commit in or before it
  uint64_t base_id = 0;                    // the base's state that belongs below; the next one holds `frozen` too
};

}  // namespace kvfs
