#include "store/engine/journal.h"

#include <atomic>
#include <cassert>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "store/engine/journal_scan.h"
#include "store/engine/journal_segment.h"

namespace kvfs {
namespace {

constexpr uint64_t kPageBytes = 4096;
// Zeros that are written at once. They may become one folio of the page cache, and ext4 walks all blocks of a folio for
// each record that is written into it later: 1 MiB makes records three times as dear.
constexpr size_t kZeroBytes = 16 * 1024;

struct Segment {
  std::string name;
  std::shared_ptr<File> file;  // shared with a sync in progress
  uint32_t salt = 0;
  uint64_t file_bytes = 0;
  uint64_t end = kSegmentHeaderBytes;     // where the next record goes
  Sequence last = 0;                      // of its last record; 0: none yet
  std::vector<ScannedSegment::Run> runs;  // found at opening
  uint64_t zeroed = 0;                    // all pages before it have been written since it is in use
};

struct Spare {
  std::string name;
  std::shared_ptr<File> file;  // null while it waits to be used
  uint64_t file_bytes = 0;
};

class LocalJournal final : public Journal {
 public:
  LocalJournal(std::unique_ptr<Directory> directory, const JournalOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  Result<void> open(Sequence base, JournalOpening* opening);

  Result<Sequence> append(std::span<char> record, uint32_t count, Sequence first) override;
  Result<void> sync() override;
  void rotate() override;
  Result<void> replay(Sequence from, const Visit& visit) override;
  Result<void> release(Sequence up_to) override;
  Result<void> prepare() override;
  Result<void> drop_spares(size_t keep) override;
  Result<void> close() override;

  Sequence last_sequence() const override { return last_.load(std::memory_order_acquire); }
  Sequence durable_sequence() const override { return durable_.load(std::memory_order_acquire); }
  uint64_t bytes_live() const override;
  uint64_t bytes_on_disk() const override;
  uint64_t syncs() const override { return syncs_.load(std::memory_order_relaxed); }

 private:
  // Those named *_locked need mutex_.
  Result<void> adopt(const JournalScan& scan);
  Result<void> rewrite(Segment& segment);
  Result<void> seal(Segment& segment, bool ends_marked);
  Result<void> discard(const JournalScan& scan);
  Result<void> begin_segment_locked(uint64_t record_bytes, Sequence first);
  static Result<void> zero_ahead(Segment& segment, uint64_t until);
  Result<void> erase_partial_locked(Segment& segment);
  Result<Spare> next_file_locked(const std::string& name);
  Result<Spare> make_file(const std::string& name, uint64_t bytes_min);
  Result<void> write_mark_locked(Segment& segment);
  Result<void> give_up(const Segment& segment);
  Result<void> sync_files(Sequence target);
  Error fail(const Error& reason);
  Error fail_locked(const Error& reason);
  std::optional<Error> refusal_locked() const;

  const std::unique_ptr<Directory> directory_;
  const JournalOptions options_;

  std::atomic<Sequence> last_{0};     // written under mutex_
  std::atomic<Sequence> durable_{0};  // written under mutex_
  std::atomic<uint64_t> syncs_{0};

  // Lock order: sync_mutex_ or release_mutex_, then mutex_. mutex_ is not held while syncing.
  std::mutex sync_mutex_;     // one fdatasync at a time; those who wait find it done
  std::mutex release_mutex_;  // one release() or prepare() at a time
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<Segment> segments_;  // the last is the one in use, if in_use_
  bool in_use_ = false;
  bool rotate_ = false;
  bool partial_ = false;  // a record of which not all could be written lies at the end of the one in use
  bool closed_ = false;
  bool names_changed_ = false;  // since the directory was synced
  std::deque<Spare> spares_;
  uint64_t next_number_ = 1;
  std::optional<std::string> failure_;
  std::random_device random_;
};

/// Of making a file: what it wants for may be there at the next try, and nothing was written.
bool passes(const Error& error) { return error.code == Errc::no_space || error.code == Errc::limit_reached; }

Error LocalJournal::fail_locked(const Error& reason) {
  if (!failure_) {
    failure_.emplace();  // first: it has failed, also where there is no memory to say how
    *failure_ = reason.message();
  }
  return reason;
}

Error LocalJournal::fail(const Error& reason) {
  const std::lock_guard lock(mutex_);
  return fail_locked(reason);
}

std::optional<Error> LocalJournal::refusal_locked() const {
  if (failure_) return Error{Errc::read_only, "the journal takes no writes since an error: " + *failure_};
  if (closed_) return Error{Errc::read_only, "the journal is closed"};
  return std::nullopt;
}

Result<void> LocalJournal::open(Sequence base, JournalOpening* opening) {
  auto scan = scan_journal(*directory_, base, options_.salvage);
  if (!scan) return scan.error();
  last_ = durable_ = scan->last;
  next_number_ = scan->number_max + 1;
  if (auto adopted = adopt(*scan); !adopted) return adopted;
  if (auto discarded = discard(*scan); !discarded) return discarded;
  // Also the names of segments found may not be durable yet: their maker may have been killed before its first sync.
  if (auto synced = directory_->sync(); !synced) return synced;
  if (opening != nullptr) *opening = std::move(scan->opening);
  return {};
}

// Opens the segments that count and makes them durable; the end of the last one is sealed.
Result<void> LocalJournal::adopt(const JournalScan& scan) {
  for (const ScannedSegment& found : scan.segments) {
    auto file = directory_->open(found.name, Directory::Open::existing);
    if (!file) return file.error();
    Segment segment{found.name, std::move(*file), found.salt, found.file_bytes, found.runs.back().end,
                    found.last, found.runs};
    if (found.last > scan.durable) {
      if (auto rewritten = rewrite(segment); !rewritten) return rewritten;
    }
    if (auto synced = segment.file->sync(); !synced) return synced;
    segments_.push_back(std::move(segment));
  }
  if (segments_.empty() || options_.salvage) return {};
  return seal(segments_.back(), scan.segments.back().ends_marked);
}

// After a failed fdatasync Linux keeps what was not written as clean pages: readable, but no later sync writes it. The
// process that saw the failure may be gone, so whatever nobody claims to have synced is made dirty again.
Result<void> LocalJournal::rewrite(Segment& segment) {
  auto bytes = read_whole(*segment.file);
  if (!bytes) return bytes.error();
  const std::string_view all(*bytes);
  if (auto written = segment.file->write_at(0, all.substr(0, kSegmentHeaderBytes)); !written) return written;
  for (const auto& [begin, end] : segment.runs) {
    if (auto written = segment.file->write_at(begin, all.substr(begin, end - begin)); !written) return written;
  }
  return {};
}

// Cuts off what follows the history: a record there could otherwise turn up again behind new ones. The mark says that
// all before it is durable, so that later damage to it is not taken for a torn tail.
Result<void> LocalJournal::seal(Segment& segment, bool ends_marked) {
  if (ends_marked) return {};
  const auto written = write_mark_locked(segment);
  if (!written && written.error().code != Errc::no_space) return written;
  segment.file_bytes = segment.end + (written ? kJournalHeaderBytes : 0);
  if (auto cut = segment.file->truncate(segment.file_bytes); !cut) return cut;
  return segment.file->sync();
}

// Removes what is not needed; a salvaging opening keeps segments. Spare files go, too: one may hold a segment of before
// a power loss, whose new name was lost, and which would come to life if it got that name again.
Result<void> LocalJournal::discard(const JournalScan& scan) {
  if (!options_.salvage) {
    for (const std::string& name : scan.useless) {
      if (auto unlinked = directory_->unlink(name); !unlinked) return unlinked;
    }
  }
  for (const std::string& name : scan.spares) {
    if (auto unlinked = directory_->unlink(name); !unlinked) return unlinked;
  }
  return {};
}

Result<Sequence> LocalJournal::append(std::span<char> record, uint32_t count, Sequence first) {
  assert(record.size() >= kJournalHeaderBytes && count > 0);
  if (record.size() > options_.record_bytes_max) {
    return Error{Errc::value_too_large, "journal: record of " + std::to_string(record.size()) +
                                            " bytes, the limit is " + std::to_string(options_.record_bytes_max)};
  }
  const std::lock_guard lock(mutex_);
  if (auto refused = refusal_locked()) return *refused;
  const Sequence expected = last_.load(std::memory_order_relaxed) + 1;
  if (first != expected) {
    return Error{Errc::invalid,
                 "journal: sequence " + std::to_string(first) + " does not follow " + std::to_string(expected - 1)};
  }
  if (partial_) {
    if (auto erased = erase_partial_locked(segments_.back()); !erased) return erased.error();
  }
  const bool fits = in_use_ && segments_.back().end + record.size() <= segments_.back().file_bytes;
  if (!fits || rotate_) {
    const auto begun = begin_segment_locked(record.size(), first);
    // A full disk, or no descriptor: the old segment cannot be released yet, but goes on.
    if (!begun && (!fits || !passes(begun.error()))) return begun.error();
  }
  Segment& segment = segments_.back();
  if (auto zeroed = zero_ahead(segment, segment.end + record.size()); !zeroed)
    return zeroed.error().code == Errc::no_space ? zeroed.error() : fail_locked(zeroed.error());
  seal_record(record, count, first, durable_.load(std::memory_order_relaxed), segment.salt);
  if (auto written = segment.file->write_at(segment.end, {record.data(), record.size()}); !written) {
    if (written.error().code != Errc::no_space) return fail_locked(written.error());
    partial_ = true;
    return written.error();
  }
  segment.end += record.size();
  segment.last = first + count - 1;
  last_.store(segment.last, std::memory_order_release);
  return segment.last;
}

// Part of a page of a recycled segment can be written only after the page was read, from the disk if it is no longer in
// memory. So whole pages are written before records go to them.
Result<void> LocalJournal::zero_ahead(Segment& segment, uint64_t until) {
  if (until <= segment.zeroed) return {};
  static const std::string zeros(kZeroBytes, '\0');
  const uint64_t from = std::max(segment.zeroed, until / kPageBytes * kPageBytes);  // the record writes those before
  const uint64_t bytes = std::min<uint64_t>(zeros.size(), segment.file_bytes - std::min(segment.file_bytes, from));
  if (bytes != 0) {
    if (auto written = segment.file->write_at(from, std::string_view(zeros).substr(0, bytes)); !written) return written;
  }
  segment.zeroed = from + zeros.size();
  return {};
}

// After a write that failed in the middle: what follows it in the file, or is written over it later and torn by a power
// loss, could happen to complete the record. Its header must be gone for good before the sequence is used again.
Result<void> LocalJournal::erase_partial_locked(Segment& segment) {
  const char zeros[kJournalHeaderBytes] = {};
  if (auto erased = segment.file->write_at(segment.end, {zeros, sizeof zeros}); !erased) {
    return erased.error().code == Errc::no_space ? erased.error() : fail_locked(erased.error());
  }
  if (auto synced = segment.file->sync(); !synced) return fail_locked(synced.error());
  partial_ = false;
  return {};
}

Result<void> LocalJournal::begin_segment_locked(uint64_t record_bytes, Sequence first) {
  const uint64_t number = next_number_++;
  Segment segment;
  segment.name = segment_name(number);
  segment.salt = static_cast<uint32_t>(random_());
  auto file = next_file_locked(segment.name);
  if (!file) return passes(file.error()) ? file.error() : fail_locked(file.error());
  segment.file = std::move(file->file);
  segment.file_bytes = file->file_bytes;

  Result<void> ready;
  if (const uint64_t needed = kSegmentHeaderBytes + record_bytes; needed > segment.file_bytes) {
    ready = segment.file->allocate(segment.file_bytes, needed - segment.file_bytes);
    segment.file_bytes = needed;
  }
  if (ready) ready = zero_ahead(segment, kSegmentHeaderBytes);
  if (ready) {
    ready = segment.file->write_at(0, encode_segment_header({number, segment.salt, first, durable_.load()}));
  }
  if (ready && in_use_) ready = write_mark_locked(segments_.back());
  if (!ready) {
    const auto unlinked = directory_->unlink(segment.name);
    if (ready.error().code != Errc::no_space || !unlinked) return fail_locked(ready.error());
    return ready;
  }
  segments_.push_back(std::move(segment));
  in_use_ = true;
  rotate_ = false;
  return {};
}

// A spare file under the new name, or a new one.
Result<Spare> LocalJournal::next_file_locked(const std::string& name) {
  names_changed_ = true;
  if (spares_.empty()) return make_file(name, std::min(options_.segment_bytes, options_.segment_bytes_min));
  if (auto renamed = directory_->rename(spares_.front().name, name); !renamed) return renamed.error();
  auto file = directory_->open(name, Directory::Open::existing);  // now, so that its errors give the new name
  if (!file) {
    if (auto back = directory_->rename(name, spares_.front().name); !back) {
      spares_.pop_front();  // no name of it is known to be right
      return fail_locked(back.error());
    }
    return file.error();
  }
  const uint64_t file_bytes = spares_.front().file_bytes;
  spares_.pop_front();
  return Spare{name, std::move(*file), file_bytes};
}

// On a disk that is nearly full the file is smaller than segments are, but not smaller than `bytes_min`.
Result<Spare> LocalJournal::make_file(const std::string& name, uint64_t bytes_min) {
  auto file = directory_->open(name, Directory::Open::create_new);
  if (!file) return file.error();
  for (uint64_t bytes = options_.segment_bytes;; bytes /= 2) {
    const auto allocated = (*file)->allocate(0, bytes);
    if (allocated) return Spare{name, std::move(*file), bytes};
    if (allocated.error().code == Errc::no_space && bytes / 2 >= bytes_min) {
      // A part may have been allocated.
      if (const auto emptied = (*file)->truncate(0); emptied) continue;
    }
    // The first error is the one to tell.
    (void)directory_->unlink(name);
    return allocated.error();
  }
}

// Says where the segment's records end, if there is room to say it.
Result<void> LocalJournal::write_mark_locked(Segment& segment) {
  if (segment.end + kJournalHeaderBytes > segment.file_bytes && in_use_) return {};
  char mark[kJournalHeaderBytes] = {};
  seal_record(mark, 0, last_.load() + 1, durable_.load(), segment.salt);
  return segment.file->write_at(segment.end, {mark, sizeof mark});
}

Result<void> LocalJournal::sync() {
  const Sequence target = last_.load(std::memory_order_acquire);
  const std::lock_guard one_at_a_time(sync_mutex_);
  return sync_files(target);
}

// REQUIRES: sync_mutex_.
Result<void> LocalJournal::sync_files(Sequence target) {
  std::vector<std::shared_ptr<File>> files;
  bool names_changed = false;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal_locked()) return *refused;
    const Sequence durable = durable_.load(std::memory_order_relaxed);
    if (durable >= target) return {};
    target = last_.load(std::memory_order_relaxed);
    for (const Segment& segment : segments_) {
      if (segment.last > durable) files.push_back(segment.file);
    }
    names_changed = std::exchange(names_changed_, false);
  }
  for (const auto& file : files) {
    syncs_.fetch_add(1, std::memory_order_relaxed);
    if (auto synced = file->sync(); !synced) return fail(synced.error());
  }
  if (names_changed) {
    if (auto synced = directory_->sync(); !synced) return fail(synced.error());
  }
  const std::lock_guard lock(mutex_);
  durable_.store(target, std::memory_order_release);
  return {};
}

void LocalJournal::rotate() {
  const std::lock_guard lock(mutex_);
  rotate_ = true;
}

Result<void> LocalJournal::replay(Sequence from, const Visit& visit) {
  const std::lock_guard lock(mutex_);
  assert(!in_use_);
  for (const Segment& segment : segments_) {
    if (segment.last < from) continue;
    auto bytes = read_whole(*segment.file);
    if (!bytes) return bytes.error();
    for (const auto& [begin, end] : segment.runs) {
      for (uint64_t offset = begin; offset < end;) {
        const std::string_view rest = std::string_view(*bytes).substr(offset);
        const auto header = decode_record_header(rest, segment.salt);
        const auto payload = header ? record_payload(rest, *header, segment.salt) : std::nullopt;
        if (!payload) {
          return Error{Errc::corrupt, directory_->path() + "/" + segment.name + ": damaged at offset " +
                                          std::to_string(offset) + " since it was opened"};
        }
        if (header->last() >= from) {
          if (auto visited = visit(header->first, header->count, *payload); !visited) return visited;
        }
        offset += header->record_bytes();
      }
    }
  }
  return {};
}

Result<void> LocalJournal::release(Sequence up_to) {
  const std::lock_guard one_at_a_time(release_mutex_);
  for (;;) {
    Segment segment;
    {
      const std::lock_guard lock(mutex_);
      if (failure_) return *refusal_locked();
      if (segments_.empty() || segments_.front().last > up_to) return {};
      if (segments_.size() == 1 && in_use_) {
        if (!rotate_ || partial_ || segments_.front().last == 0) return {};
        in_use_ = false;
      }
      segment = std::move(segments_.front());
      segments_.pop_front();
    }
    if (auto given = give_up(segment); !given) return given;
  }
}

// Recycles or unlinks a segment that is no longer in segments_. Needs no sync: if the change is lost, the segment
// turns up at the next opening and is found useless.
Result<void> LocalJournal::give_up(const Segment& segment) {
  std::string spare;
  {
    const std::lock_guard lock(mutex_);
    if (segment.file_bytes == options_.segment_bytes && spares_.size() < options_.spare_segments_max) {
      spare = spare_name(next_number_++);
    }
  }
  if (spare.empty()) return directory_->unlink(segment.name);
  if (auto renamed = directory_->rename(segment.name, spare); !renamed) return renamed;
  const std::lock_guard lock(mutex_);
  spares_.push_back({spare, nullptr, segment.file_bytes});
  return {};
}

Result<void> LocalJournal::prepare() {
  const std::lock_guard one_at_a_time(release_mutex_);
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal_locked()) return *refused;
    if (!spares_.empty() || options_.spare_segments_max == 0) return {};
    name = spare_name(next_number_++);
  }
  auto made = make_file(name, options_.segment_bytes);
  if (!made) return made.error();
  const std::string zeros(std::min<uint64_t>(kZeroBytes, options_.segment_bytes), '\0');
  Result<void> filled;
  for (uint64_t offset = 0; filled && offset < options_.segment_bytes; offset += zeros.size()) {
    const uint64_t left = options_.segment_bytes - offset;
    filled = made->file->write_at(offset, std::string_view(zeros).substr(0, left));
  }
  if (filled) filled = made->file->sync();
  if (!filled) {
    // The first error is the one to tell.
    (void)directory_->unlink(name);
    return filled;
  }
  made->file.reset();
  const std::lock_guard lock(mutex_);
  spares_.push_back(std::move(*made));
  return {};
}

Result<void> LocalJournal::drop_spares(size_t keep) {
  const std::lock_guard one_at_a_time(release_mutex_);
  for (;;) {
    std::string name;
    {
      const std::lock_guard lock(mutex_);
      if (spares_.size() <= keep) return {};
      name = spares_.back().name;
      spares_.pop_back();
    }
    if (auto unlinked = directory_->unlink(name); !unlinked) return unlinked;
  }
}

Result<void> LocalJournal::close() {
  const std::lock_guard one_at_a_time(sync_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return {};
  }
  if (auto synced = sync_files(last_.load()); !synced) return synced;
  std::shared_ptr<File> file;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (!in_use_) return {};
    // Without room for it the records are as durable; only later damage to the last ones would pass for a torn tail.
    if (auto marked = write_mark_locked(segments_.back()); !marked) return marked;
    file = segments_.back().file;
  }
  return file->sync();
}

uint64_t LocalJournal::bytes_live() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.end - kSegmentHeaderBytes;
  return bytes;
}

uint64_t LocalJournal::bytes_on_disk() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.file_bytes;
  for (const Spare& spare : spares_) bytes += spare.file_bytes;
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Journal>> open_journal(std::unique_ptr<Directory> directory, Sequence base,
                                              const JournalOptions& options, JournalOpening* opening) {
  auto journal = std::make_unique<LocalJournal>(std::move(directory), options);
  if (auto opened = journal->open(base, opening); !opened) return opened.error();
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace kvfs
