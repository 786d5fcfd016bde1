#include "store/engine/journal_scan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "store/engine/journal_segment.h"

namespace kvfs {
namespace {

// Where a header could begin at the earliest, seeing that its sequence number is not zero: preallocated segments are
// mostly zeros.
uint64_t skip_zeros(std::string_view bytes, uint64_t offset) {
  constexpr size_t kStep = 512;
  constexpr size_t kSequenceEnd = 24;
  static constexpr char kZeros[kStep] = {};
  while (offset + kStep <= bytes.size() && std::memcmp(bytes.data() + offset, kZeros, kStep) == 0) {
    offset += kStep - kSequenceEnd;
  }
  return offset;
}

class Scanner {
 public:
  Scanner(Directory& directory, Sequence base, bool salvage) : directory_(directory), base_(base), salvage_(salvage) {}

  Result<JournalScan> run() {
    auto names = directory_.list();
    if (!names) return names.error();
    for (const std::string& name : *names) {  // sorted: in the order of their numbers
      if (const auto number = parse_segment_name(name)) {
        result_.number_max = std::max(result_.number_max, *number);
        if (auto scanned = scan_segment(name, *number); !scanned) return scanned.error();
      } else if (const auto spare = parse_spare_name(name)) {
        result_.number_max = std::max(result_.number_max, *spare);
        result_.spares.push_back(name);
      }
    }
    return finish();
  }

 private:
  struct Place {
    std::string file;
    uint64_t offset = 0;
    uint64_t file_bytes = 0;
    std::string reason;
  };

  Sequence known() const { return std::max(last_, base_); }

  Result<void> scan_segment(const std::string& name, uint64_t number) {
    auto file = directory_.open(name, Directory::Open::existing);
    if (!file) return file.error();
    auto bytes = read_whole(**file);
    if (!bytes) return bytes.error();

    segment_ = {};
    segment_.name = name;
    segment_.number = number;
    segment_.file_bytes = bytes->size();
    auto header = decode_segment_header(*bytes);
    if (!header && header.error().code == Errc::unsupported) {
      return Error{Errc::unsupported, path_of(name) + ": " + header.error().detail};
    }
    if (header) result_.number_max = std::max(result_.number_max, header->number);
    if (!header || header->number != number) {
      stop_at(0, header ? "segment never begun" : header.error().detail);
      result_.useless.push_back(name);
      return {};
    }
    segment_.salt = header->salt;
    learn_durable(header->durable, 0);
    scan_records(*bytes);
    if (segment_.last > base_) {
      result_.segments.push_back(std::move(segment_));
    } else {
      result_.useless.push_back(name);
    }
    return {};
  }

  void scan_records(std::string_view bytes) {
    bool marked = false;
    uint64_t offset = kSegmentHeaderBytes;
    while (offset + kJournalHeaderBytes <= bytes.size()) {
      const std::string_view rest = bytes.substr(offset);
      const auto header = decode_record_header(rest, segment_.salt);
      if (!header) {
        // What follows a mark is unused space; a torn tail may hide records behind it.
        if (!marked) stop_at(offset, "not a record");
        offset = find_header(bytes, offset + 1);
        continue;
      }
      learn_durable(header->durable, offset);
      if (header->count == 0) {
        marked = true;
        // All of these, or there may be records behind the history that must not stay.
        segment_.ends_marked = !stop_ && !lost_ && header->first == last_ + 1 && header->durable == last_ &&
                               offset + kJournalHeaderBytes == bytes.size();
      } else if (record_payload(rest, *header, segment_.salt)) {
        take(*header, offset);
      } else {
        stop_at(offset, "damaged record " + std::to_string(header->first));
      }
      offset += header->record_bytes();
    }
  }

  // Where a header that could belong to the history's future begins, or the end.
  uint64_t find_header(std::string_view bytes, uint64_t offset) const {
    for (; offset + kJournalHeaderBytes <= bytes.size(); ++offset) {
      offset = skip_zeros(bytes, offset);
      if (offset + kJournalHeaderBytes > bytes.size()) break;
      const auto header = decode_record_header(bytes.substr(offset), segment_.salt);
      if (header && header->first > last_) return offset;
    }
    return bytes.size();
  }

  void take(const RecordHeader& header, uint64_t offset) {
    if (header.first <= last_) return;  // left over from before a cut
    const bool follows = header.first == last_ + 1 || header.first <= base_ + 1;
    if (!follows || lost_) {
      stop_at(offset, "records " + std::to_string(known() + 1) + " to " + std::to_string(header.first - 1) +
                          " are missing before this");
      if (!salvage_) {
        lost_ = true;
        ++result_.opening.records_cut;
        return;
      }
      leave_out(header.first - 1, offset);
    }
    auto& runs = segment_.runs;
    if (runs.empty() || runs.back().end != offset) runs.push_back({offset, offset});
    runs.back().end = offset + header.record_bytes();
    last_ = segment_.last = header.last();
    if (last_ > base_) ++result_.opening.records;
    stop_.reset();
    if (durable_ > known()) stop_at(offset + header.record_bytes(), "synced records are missing after this");
  }

  // Remembers the first place behind the history where something is wrong.
  void stop_at(uint64_t offset, std::string reason) {
    if (!stop_) stop_ = Place{segment_.name, offset, segment_.file_bytes, std::move(reason)};
  }

  // Records up to `durable` were synced; where the history is shorter, something before `offset` is missing.
  void learn_durable(Sequence durable, uint64_t offset) {
    durable_ = std::max(durable_, durable);
    // So there is always a place to name for what finish() misses.
    if (durable_ > known()) stop_at(offset, "synced records are missing before this");
  }

  void leave_out(Sequence last_missing, uint64_t resume_offset) {
    const uint64_t end = stop_->file == segment_.name ? resume_offset : stop_->file_bytes;
    result_.opening.left_out.push_back({path_of(stop_->file), stop_->offset, end - std::min(end, stop_->offset),
                                        known() + 1, last_missing, stop_->reason});
  }

  Result<JournalScan> finish() {
    if (durable_ > known()) {
      if (!salvage_) {
        return Error{Errc::corrupt, path_of(stop_->file) + ": damaged at offset " + std::to_string(stop_->offset) +
                                        " (" + stop_->reason + "): records from " + std::to_string(known() + 1) +
                                        " on were synced, at least up to " + std::to_string(durable_) +
                                        "; salvage keeps what is readable"};
      }
      leave_out(durable_, stop_->file_bytes);
    }
    result_.last = salvage_ ? std::max(known(), durable_) : known();
    result_.durable = durable_;
    return std::move(result_);
  }

  std::string path_of(const std::string& name) const { return directory_.path() + "/" + name; }

  Directory& directory_;
  const Sequence base_;
  const bool salvage_;
  JournalScan result_;
  ScannedSegment segment_;     // the one being scanned
  Sequence last_ = 0;          // of the history so far
  Sequence durable_ = 0;       // the highest that anything said was synced
  bool lost_ = false;          // the history has ended; only its past extent is still learned
  std::optional<Place> stop_;  // since the last record of the history
};

}  // namespace

Result<std::string> read_whole(const File& file) {
  auto size = file.size();
  if (!size) return size.error();
  std::string bytes(*size, '\0');
  auto got = file.read_at(0, bytes.size(), bytes.data());
  if (!got) return got.error();
  bytes.resize(*got);
  return bytes;
}

Result<JournalScan> scan_journal(Directory& directory, Sequence base, bool salvage) {
  return Scanner(directory, base, salvage).run();
}

}  // namespace kvfs
