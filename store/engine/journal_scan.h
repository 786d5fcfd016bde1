// Reads a journal's files and decides what its history is: which records count, what is a torn tail, what is damage.
// Changes nothing on disk; also the base of offline checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/engine/engine.h"
#include "store/engine/file.h"
#include "store/engine/journal.h"
#include "store/result.h"

namespace kvfs {

struct ScannedSegment {
  struct Run {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  std::string name;
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  uint32_t salt = 0;
  std::vector<Run> runs;     // of records that count, one after the other; one run unless salvaged
  Sequence last = 0;         // of its last record that counts
  bool ends_marked = false;  // a mark that says all of it is durable ends both the records and the file
};

struct JournalScan {
  std::vector<ScannedSegment> segments;  // that hold something after the base, in order
  std::vector<std::string> useless;      // segment files that hold nothing of the history after the base
  std::vector<std::string> spares;
  uint64_t number_max = 0;
  Sequence last = 0;  // of the history; at least the base, and beyond all that is known to be lost
  Sequence durable = 0;  // the files say that all up to here was synced
  JournalOpening opening;
};

/// The history is the longest run of contiguous records that begins at or before base + 1. Where it stops although
/// something behind it says that more was synced, that is damage: `corrupt`, or with `salvage` a gap, after which the
/// history goes on. Errors: corrupt, unsupported (a later format version), io.
Result<JournalScan> scan_journal(Directory& directory, Sequence base, bool salvage);

/// The whole content of a file.
Result<std::string> read_whole(const File& file);

}  // namespace kvfs
