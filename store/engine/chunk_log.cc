#include "store/engine/chunk_log.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <charconv>
#include <cstdio>
#include <tuple>
#include <utility>
#include <vector>

#include "store/engine/chunk_clean_map.h"
#include "store/engine/crc32c.h"
#include "store/engine/reader_pin.h"

namespace kvfs {
namespace {

uint64_t place_of(const ChunkRef& ref) { return uint64_t{ref.segment} << 32 | ref.page; }

constexpr std::string_view kSegmentSuffix = ".chunks";

uint64_t offset_of(const ChunkRef& ref) { return uint64_t{ref.page} * kChunkPageBytes; }

std::string segment_name(uint32_t number) {
  char name[16];
  std::snprintf(name, sizeof name, "%08x", number);
  return name + std::string(kSegmentSuffix);
}

std::optional<uint32_t> parse_segment_name(std::string_view name) {
  uint32_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  if (parsed.ec != std::errc{} || segment_name(number) != name) return std::nullopt;
  return number;
}

}  // namespace

Result<std::unique_ptr<ChunkLog>> ChunkLog::open(std::unique_ptr<Directory> directory, ReaderRegistry& readers,
                                                 const std::atomic<Sequence>& visible) {
  std::unique_ptr<ChunkLog> log(new ChunkLog(std::move(directory), readers, visible));
  if (auto loaded = log->load(); !loaded) return loaded.error();
  return log;
}

Result<void> ChunkLog::load() {
  if (auto loaded = load_segments(); !loaded) return loaded;
  const auto map = read_clean_map(*directory_);
  const auto known = [&](const auto& item) { return map->segments.contains(item.first); };
  if (map) closed_at_ = map->last_commit;
  if (map && map->segments.size() == segments_.size() && std::all_of(segments_.begin(), segments_.end(), known)) {
    for (auto& [number, segment] : segments_) {
      segment.end = std::min(segment.end, map->segments.at(number).end);
      segment.live.assign(map->segments.at(number).live);
    }
    closed_cleanly_ = true;
  } else {  // every page may be live until retain_only() says otherwise
    for (auto& [number, segment] : segments_) {
      segment.live.set(0, segment.end, true);
      dirty_.insert(number);
    }
    unclean_ = !segments_.empty();
  }
  return {};
}

// Gone for good before anything is appended: an old map must never be taken for the truth.
Result<void> ChunkLog::begin() { return remove_clean_map(*directory_); }

Result<void> ChunkLog::load_segments() {
  const auto names = directory_->list();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto number = parse_segment_name(name);
    if (!number) continue;
    const auto file = directory_->open(name, Directory::Open::existing);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    const uint64_t pages = (*size + kChunkPageBytes - 1) / kChunkPageBytes;
    segments_[*number].end = static_cast<uint32_t>(std::min<uint64_t>(pages, kChunkSegmentPages));
    next_number_ = std::max(next_number_, *number + 1);
  }
  return {};
}

void ChunkLog::delete_segment_locked(std::map<uint32_t, Segment>::iterator segment) {
  // If this fails, the file is found when the store is opened after an unclean stop.
  (void)directory_->unlink(segment_name(segment->first));
  if (segment->second.file != nullptr) open_files_ -= 1;
  dirty_.erase(segment->first);
  segments_.erase(segment);
}

Result<std::shared_ptr<File>> ChunkLog::make_segment_locked() {
  const uint32_t number = next_number_;
  auto file = directory_->open(segment_name(number), Directory::Open::create_new);
  if (!file) return file.error();
  if (const auto last = segments_.find(active_); last != segments_.end() && last->second.live.live() == 0)
    delete_segment_locked(last);
  next_number_ += 1;
  active_ = number;
  Segment& segment = segments_[number];
  segment.file = std::move(*file);
  open_files_ += 1;
  directory_dirty_ = true;
  return segment.file;
}

Result<std::shared_ptr<File>> ChunkLog::file_locked(uint32_t number, Segment& segment) const {
  if (segment.file != nullptr) return segment.file;
  if (open_files_ >= kChunkSegmentsOpenMax) {
    for (auto& [other, open] : segments_) {
      if (open.file == nullptr || other == active_) continue;
      open.file.reset();
      open_files_ -= 1;
      break;
    }
  }
  auto opened = directory_->open(segment_name(number), Directory::Open::existing);
  if (!opened) return opened.error();
  segment.file = std::move(*opened);
  open_files_ += 1;
  return segment.file;
}

Result<std::shared_ptr<File>> ChunkLog::file_of(uint32_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(number);
  if (found == segments_.end())
    return Error{Errc::corrupt, directory_->path() + "/" + segment_name(number) + " does not exist"};
  return file_locked(number, found->second);
}

Result<ChunkLog::Place> ChunkLog::reserve(uint32_t bytes) {
  const std::lock_guard lock(mutex_);
  const uint32_t pages = pages_of(bytes);
  const auto active = segments_.find(active_);
  const bool fits = active != segments_.end() && active->second.end + pages <= kChunkSegmentPages;
  auto file = fits ? file_locked(active_, active->second) : make_segment_locked();
  if (!file) return file.error();
  Segment& segment = segments_[active_];
  Place place;
  place.ref.segment = active_;
  place.ref.page = segment.end;
  place.ref.length = bytes;
  place.file = std::move(*file);
  staged_.emplace(place_of(place.ref), place.ref);
  segment.live.set(segment.end, pages, true);
  segment.end += pages;
  return place;
}

Result<ChunkRef> ChunkLog::append(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kChunkBytesMax) return Error{Errc::invalid, "chunk size out of range"};
  if (frozen_) return Error{Errc::read_only, "the chunk log takes no writes after a failed sync"};
  if (admit_) {
    if (auto admitted = admit_(uint64_t{pages_of(static_cast<uint32_t>(bytes.size()))} * kChunkPageBytes); !admitted)
      return admitted.error();
  }
  const uint32_t crc = crc32c(bytes);
  auto ref = write(bytes, crc);
  if (!ref && ref.error().code == Errc::no_space && make_room_ && make_room_()) return write(bytes, crc);
  return ref;
}

Result<ChunkRef> ChunkLog::write(std::string_view bytes, uint32_t crc) {
  auto place = reserve(static_cast<uint32_t>(bytes.size()));
  if (!place) return place.error();
  place->ref.crc32c = crc;
  if (auto written = place->file->write_at(offset_of(place->ref), bytes); !written) {
    discard(place->ref);
    return written.error();
  }
  const std::lock_guard lock(mutex_);
  dirty_.insert(place->ref.segment);
  return place->ref;
}

Error ChunkLog::damage(const ChunkRef& ref, const char* what) const {
  return {Errc::corrupt, directory_->path() + "/" + segment_name(ref.segment) + what + ", chunk at offset " +
                             std::to_string(offset_of(ref)) + " length " + std::to_string(ref.length)};
}

Result<void> ChunkLog::read_whole(const ChunkRef& ref, char* out) const {
  auto file = file_of(ref.segment);
  if (!file) return file.error();
  const auto done = (*file)->read_at(offset_of(ref), ref.length, out);
  if (!done) return done.error();
  if (*done != ref.length) return damage(ref, ": the file ends too early");
  if (crc32c({out, ref.length}) != ref.crc32c) return damage(ref, ": wrong checksum");
  return {};
}

bool ChunkLog::verified(const ChunkRef& ref) const {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(ref.segment);
  return found != segments_.end() && found->second.verified != nullptr && found->second.verified->test(ref.page);
}

void ChunkLog::note_verified(const ChunkRef& ref) const {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(ref.segment);
  if (found == segments_.end()) return;
  if (found->second.verified == nullptr) found->second.verified = std::make_unique<PageMap>();
  found->second.verified->set(ref.page, 1, true);
}

Result<void> ChunkLog::read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const {
  if (offset > ref.length || length > ref.length - offset) return Error{Errc::out_of_range, "beyond the chunk's end"};
  if (length == 0) return {};
  if (ref.length > kChunkBytesMax) return damage(ref, ": no such chunk");
  if (length == ref.length) return read_whole(ref, out);
  if (!verified(ref)) {  // a part has no checksum: the first one that is asked for waits for the whole
    std::string whole(ref.length, '\0');
    if (auto sound = read_whole(ref, whole.data()); !sound) return sound;
    note_verified(ref);
    whole.copy(out, length, offset);
    return {};
  }
  auto file = file_of(ref.segment);
  if (!file) return file.error();
  const auto done = (*file)->read_at(offset_of(ref) + offset, length, out);
  if (!done) return done.error();
  return *done == length ? Result<void>() : damage(ref, ": the file ends too early");
}

void ChunkLog::will_need(std::span<const ChunkRef> refs) const {
  while (!refs.empty()) {  // by runs that lie one after another
    const ChunkRef& first = refs.front();
    uint32_t pages = 0;
    for (; !refs.empty() && refs.front().segment == first.segment && refs.front().page == first.page + pages;
         refs = refs.subspan(1))
      pages += pages_of(refs.front().length);
    if (const auto file = file_of(first.segment))
      (*file)->will_need(offset_of(first), uint64_t{pages} * kChunkPageBytes);
  }
}

bool ChunkLog::intact(const ChunkRef& ref) const {
  if (ref.length > kChunkBytesMax) return false;
  std::string bytes(ref.length, '\0');
  return read(ref, 0, ref.length, bytes.data()).has_value();
}

void ChunkLog::discard(const ChunkRef& ref) {
  {
    const std::lock_guard lock(mutex_);
    if (staged_.erase(place_of(ref)) == 0) return;
  }
  try {
    release({&ref, 1});
  } catch (const std::exception&) {
    // Destructors discard. It is accounted for, but there was no memory to punch its hole: the space comes back with
    // the segment.
  }
}

void ChunkLog::adopt(std::span<const ChunkRef> refs) noexcept {
  if (refs.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const ChunkRef& ref : refs) staged_.erase(place_of(ref));
}

std::unique_ptr<ChunkStore::Pin> ChunkLog::pin() { return std::make_unique<ReaderPin>(readers_, visible_); }

void ChunkLog::release(std::span<const ChunkRef> refs) {
  if (frozen_) return;
  struct Run {
    uint32_t segment;
    uint32_t page;
    uint32_t pages;
    bool operator<(const Run& other) const { return std::tie(segment, page) < std::tie(other.segment, other.page); }
  };
  boost::container::small_vector<Run, 4> runs;
  runs.reserve(refs.size());
  {
    const std::lock_guard lock(mutex_);
    for (const ChunkRef& ref : refs) {
      staged_.erase(place_of(ref));
      const auto found = segments_.find(ref.segment);
      if (found == segments_.end() || !found->second.live.test(ref.page)) continue;
      found->second.live.set(ref.page, pages_of(ref.length), false);
      if (found->second.live.live() == 0 && ref.segment != active_)
        delete_segment_locked(found);
      else
        runs.push_back({ref.segment, ref.page, pages_of(ref.length)});
    }
  }
  // The chunks of a large value mostly lie one after the other, and each hole is a transaction of the file system.
  std::sort(runs.begin(), runs.end());
  for (size_t first = 0, next = 0; first < runs.size(); first = next) {
    Run run = runs[first];
    for (next = first + 1;
         next < runs.size() && runs[next].segment == run.segment && runs[next].page == run.page + run.pages; ++next)
      run.pages += runs[next].pages;
    // Where the file system cannot, the space comes back with the segment.
    if (auto opened = file_of(run.segment))
      (void)(*opened)->punch_hole(uint64_t{run.page} * kChunkPageBytes, uint64_t{run.pages} * kChunkPageBytes);
  }
}

Result<void> ChunkLog::retain_only(const std::function<Result<void>(const Keep&)>& enumerate) {
  std::map<uint32_t, PageMap> kept;
  const Keep keep = [&](const ChunkRef& ref) { kept[ref.segment].set(ref.page, pages_of(ref.length), true); };
  if (auto done = enumerate(keep); !done) return done;
  std::vector<uint32_t> numbers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, segment] : segments_) numbers.push_back(number);
    // A segment that is missing but referred to must not come to life with other chunks: they would be given up as its.
    if (!kept.empty()) next_number_ = std::max(next_number_, kept.rbegin()->first + 1);
  }
  for (const uint32_t number : numbers) {
    const auto found = kept.find(number);
    if (found == kept.end()) {
      const std::lock_guard lock(mutex_);
      delete_segment_locked(segments_.find(number));
      continue;
    }
    auto file = file_of(number);
    if (!file) return file.error();
    const std::lock_guard lock(mutex_);
    Segment& segment = segments_[number];
    for (uint32_t page = 0; page < segment.end;) {
      const bool live = found->second.test(page);
      uint32_t last = page;
      while (last < segment.end && found->second.test(last) == live) last += 1;
      if (!live) (void)(*file)->punch_hole(uint64_t{page} * kChunkPageBytes, uint64_t{last - page} * kChunkPageBytes);
      page = last;
    }
    segment.live = found->second;
  }
  unclean_ = false;
  return {};
}

uint64_t ChunkLog::bytes_used() const {
  const std::lock_guard lock(mutex_);
  uint64_t pages = 0;
  for (const auto& [number, segment] : segments_) pages += segment.live.live();
  return pages * kChunkPageBytes;
}

uint64_t ChunkLog::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

Result<void> ChunkLog::sync() {
  const std::lock_guard one_at_a_time(sync_mutex_);
  if (frozen_) return Error{Errc::read_only, "the chunk log takes no writes after a failed sync"};
  std::set<uint32_t> dirty;
  bool directory_dirty = false;
  {
    const std::lock_guard lock(mutex_);
    dirty.swap(dirty_);
    std::swap(directory_dirty, directory_dirty_);
  }
  try {
    return sync_these(dirty, directory_dirty);
  } catch (const std::exception&) {  // no memory, for opening a file: the next sync has them all again
    const std::lock_guard lock(mutex_);
    dirty_.merge(dirty);
    directory_dirty_ |= directory_dirty;
    throw;
  }
}

Result<void> ChunkLog::sync_these(const std::set<uint32_t>& dirty, bool directory_dirty) {
  for (const uint32_t number : dirty) {
    auto file = file_of(number);
    if (!file && file.error().code == Errc::corrupt) continue;  // wholly released and deleted meanwhile
    Result<void> done = file ? (*file)->sync() : Result<void>(file.error());
    if (!done) {
      freeze();
      return done;
    }
  }
  if (!directory_dirty) return {};
  auto done = directory_->sync();
  if (!done) freeze();
  return done;
}

/// Of whoever had no memory to note what he had appended.
void ChunkLog::discard_staged() {
  std::vector<ChunkRef> refs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [place, ref] : staged_) refs.push_back(ref);
  }
  release(refs);
}

Result<void> ChunkLog::close_cleanly(Sequence last) {
  if (unclean_) return {};
  discard_staged();
  if (auto done = sync(); !done) return done;
  CleanMap map;
  map.last_commit = last;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, segment] : segments_) map.segments[number] = {segment.end, segment.live.words()};
  return write_clean_map(*directory_, map);
}

}  // namespace kvfs
