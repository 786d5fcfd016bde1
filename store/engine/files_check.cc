#include "store/engine/files_check.h"

#include <memory>
#include <utility>

#include "store/engine/base_lmdb.h"
#include "store/engine/batch.h"
#include "store/engine/journal_scan.h"
#include "store/engine/journal_segment.h"
#include "store/engine/store_lock.h"
#include "store/engine/store_parts.h"
#include "store/text.h"

namespace kvfs {
namespace {

/// A batch is well-formed if it can be decoded; what it says is the rows' business.
class Ignore final : public BatchVisitor {
 public:
  void put(std::string_view, std::string_view) override {}
  void erase(std::string_view) override {}
  void release_chunk(const ChunkRef&) override {}
};

std::string at_offset(const std::string& file, uint64_t offset) {
  return file + ": damaged at offset " + std::to_string(offset);
}

std::string describe(const JournalOpening::Gap& gap) {
  const std::string commits =
      gap.last_missing != 0
          ? "commits " + std::to_string(gap.first_missing) + " to " + std::to_string(gap.last_missing) + " are missing"
          : "all commits from " + std::to_string(gap.first_missing) + " on are missing";
  return gap.reason + ": " + commits;
}

/// The scan has verified the checksums of a segment's records; this looks at the operations in them.
Result<void> check_batches(Directory& directory, const ScannedSegment& segment, FilesCheck& check) {
  auto file = directory.open(segment.name, Directory::Open::existing);
  if (!file) return file.error();
  auto bytes = read_whole(**file);
  if (!bytes) return bytes.error();
  check.segments += 1;
  for (const auto& run : segment.runs) {
    check.bytes += run.end - run.begin;
    for (uint64_t at = run.begin; at < run.end;) {
      const std::string_view rest = std::string_view(*bytes).substr(at);
      const auto header = decode_record_header(rest, segment.salt);
      if (!header) return Error{Errc::busy, directory.path() + "/" + segment.name + " changes while it is read"};
      Ignore visitor;
      const auto payload = record_payload(rest, *header, segment.salt);
      const auto decoded = payload ? decode_batch(*payload, visitor) : Result<void>();
      if (!decoded)
        check.damages.push_back({at_offset(directory.path() + "/" + segment.name, at),
                                 "commit " + std::to_string(header->first) + ": " + decoded.error().message()});
      at += header->record_bytes();
    }
  }
  return {};
}

}  // namespace

Result<FilesCheck> check_files(const std::string& path) {
  auto lock = StoreLock::acquire(path);
  if (!lock) return lock.error();
  if (auto there = require_base(path); !there) return there.error();
  auto base = Base::open(path + "/base");
  if (!base) return base.error();
  if ((*base)->sequence() != 0) {
    if (auto there = require_journal_and_chunks(path); !there) return there.error();
  }
  auto directory = open_directory(path + "/journal");
  if (!directory) return directory.error();
  const Sequence reached = (*base)->sequence();
  // What is no damage otherwise, a torn tail, is a gap to a salvage, too: so that is asked for only where there is
  // some.
  auto scan = scan_journal(**directory, reached, false);
  if (!scan && scan.error().code == Errc::corrupt) scan = scan_journal(**directory, reached, true);
  if (!scan) return scan.error();
  const auto rows = (*base)->check_rows();
  if (!rows) return rows.error();
  FilesCheck check;
  check.records = scan->opening.records;
  check.records_torn = scan->opening.records_cut;
  for (const std::string& key : rows->damaged)
    check.damages.push_back({path + "/base/data.mdb", "row " + printable(key) + " is damaged"});
  if (rows->missing != 0)
    check.damages.push_back(
        {path + "/base/data.mdb", std::to_string(rows->missing) + " rows cannot be found any more"});
  for (const auto& gap : scan->opening.left_out)
    check.damages.push_back({at_offset(gap.file, gap.offset), describe(gap)});
  for (const ScannedSegment& segment : scan->segments)
    if (auto checked = check_batches(**directory, segment, check); !checked) return checked.error();
  return check;
}

}  // namespace kvfs
