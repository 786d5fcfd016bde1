// What happens between opening the files of a store and serving it: the journal is replayed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "store/engine/base_lmdb.h"
#include "store/engine/chunk_log.h"
#include "store/engine/journal.h"
#include "store/engine/memtable.h"

namespace kvfs {

struct RecoveryOptions {
  std::function<Result<std::unique_ptr<Directory>>()> open_directory;  // the journal's
  uint64_t memtable_entries_max = 0;
  uint64_t memtable_bytes_max = 0;
  bool salvage = false;
  uint64_t segment_bytes = JournalOptions().segment_bytes;
  std::function<void(const std::string&)> notice;  // may be empty
};

struct Recovered {
  std::unique_ptr<Journal> journal;
  std::shared_ptr<Memtable> memtable;  // what the base does not have
  Sequence last = 0;
};

/// Opens the journal and replays what the base does not have. A commit that was not yet durable and whose chunks did
/// not reach the disk before a power loss is left out with all that follow it. Errors: as open_journal(), and as
/// Base::fold().
Result<Recovered> recover(const RecoveryOptions& options, Base& base, const ChunkLog& chunks);

}  // namespace kvfs
