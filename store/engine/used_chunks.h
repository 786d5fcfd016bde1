// The chunks that a commit brought, as they stand in its journal record, and whether recovery may keep the commit.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/engine/batch.h"
#include "store/engine/engine.h"

namespace kvfs {

/// Notes `refs` in the batch; up to `durable` everything was on the disk at that time.
/// DO NOT CHANGE: on disk, see docs/format.md, "Journal".
void note_used_chunks(Batch& batch, Sequence durable, std::span<const ChunkRef> refs);

/// Notes that alone.
void note_durable(Batch& batch, Sequence durable);

struct UsedChunks {
  Sequence durable = 0;
  std::vector<ChunkRef> refs;
};
/// Adds what `note` says; other notes are left alone. Errors: corrupt.
Result<void> parse_used_chunks(std::string_view note, UsedChunks& used);

}  // namespace kvfs
