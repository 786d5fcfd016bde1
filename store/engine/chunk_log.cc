#include "store/engine/chunk_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "store/engine/chunk_clean_map.h"
#include "store/engine/crc32c.h"
#include "store/engine/reader_pin.h"

namespace kvfs {
namespace {

constexpr std::string_view kSegmentSuffix = ".chunks";
constexpr std::string_view kCleanName = "/CLEAN";

uint64_t offset_of(const ChunkRef& ref) { return uint64_t{ref.page} * kChunkPageBytes; }

Error system_error(const std::string& what, int code) { return {Errc::io, what + ": " + std::strerror(code)}; }

}  // namespace

std::string ChunkLog::segment_path(uint32_t number) const {
  char name[16];
  std::snprintf(name, sizeof name, "/%08x", number);
  return path_ + name + std::string(kSegmentSuffix);
}

Result<std::unique_ptr<ChunkLog>> ChunkLog::open(const std::string& path, ReaderRegistry& readers,
                                                 const std::atomic<Sequence>& visible) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    const Errc code = errno == ENOSPC ? Errc::no_space : errno == EACCES ? Errc::access_denied : Errc::io;
    return Error{code, "cannot make " + path + ": " + std::strerror(errno)};
  }
  std::unique_ptr<ChunkLog> log(new ChunkLog(path, readers, visible));
  if (auto loaded = log->load(); !loaded) return loaded.error();
  return log;
}

Result<void> ChunkLog::load() {
  if (auto loaded = load_segments(); !loaded) return loaded;
  const std::string clean = path_ + std::string(kCleanName);
  const auto map = read_clean_map(clean);
  bool known = map.has_value() && map->size() == segments_.size();
  for (auto& [number, segment] : segments_) {
    const auto found = known ? map->find(number) : decltype(map->begin()){};
    if (!known || found == map->end()) {
      known = false;
      break;
    }
    segment.end = std::min(segment.end, found->second.end);
    segment.live.assign(found->second.live);
  }
  closed_cleanly_ = known;
  if (!known) {  // every page may be live until retain_only() says otherwise
    for (auto& [number, segment] : segments_) {
      segment.live.set(0, segment.end, true);
      dirty_.insert(number);
    }
    unclean_ = !segments_.empty();
  }
  // Gone for good before anything is appended: an old map must never be taken for the truth.
  if (unlink(clean.c_str()) != 0 && errno != ENOENT) return system_error("cannot remove " + clean, errno);
  return sync_directory();
}

Result<void> ChunkLog::load_segments() {
  DIR* directory = opendir(path_.c_str());
  if (directory == nullptr) return system_error("cannot read " + path_, errno);
  while (const dirent* item = readdir(directory)) {
    const std::string_view name = item->d_name;
    uint32_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number, 16);
    if (parsed.ec != std::errc{} || std::string_view(parsed.ptr) != kSegmentSuffix) continue;
    struct stat data {};
    if (stat(segment_path(number).c_str(), &data) != 0) continue;
    Segment& segment = segments_[number];
    const uint64_t pages = (static_cast<uint64_t>(data.st_size) + kChunkPageBytes - 1) / kChunkPageBytes;
    segment.end = static_cast<uint32_t>(std::min<uint64_t>(pages, kChunkSegmentPages));
    next_number_ = std::max(next_number_, number + 1);
  }
  closedir(directory);
  return {};
}

Result<void> ChunkLog::sync_directory() const {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path_, errno);
  const int rc = fsync(fd);
  const int code = errno;
  close(fd);
  if (rc != 0) return system_error("cannot sync " + path_, code);
  return {};
}

Result<std::shared_ptr<SegmentFile>> ChunkLog::make_segment() {
  const uint32_t number = next_number_;
  auto file = SegmentFile::open(segment_path(number), true);
  if (!file) return file.error();
  if (const auto last = segments_.find(active_); last != segments_.end() && last->second.live.live() == 0) {
    unlink(segment_path(active_).c_str());
    dirty_.erase(active_);
    segments_.erase(last);
  }
  next_number_ += 1;
  active_ = number;
  segments_[number].file = *file;
  open_files_ += 1;
  directory_dirty_ = true;
  return *file;
}

Result<ChunkLog::Place> ChunkLog::reserve(uint32_t bytes) {
  const std::lock_guard lock(mutex_);
  const uint32_t pages = pages_of(bytes);
  const auto active = segments_.find(active_);
  std::shared_ptr<SegmentFile> file;
  if (active == segments_.end() || active->second.end + pages > kChunkSegmentPages) {
    auto made = make_segment();
    if (!made) return made.error();
    file = *made;
  } else {
    if (active->second.file == nullptr) {
      auto opened = SegmentFile::open(segment_path(active_), false);
      if (!opened) return opened.error();
      active->second.file = *opened;
      open_files_ += 1;
    }
    file = active->second.file;
  }
  Segment& segment = segments_[active_];
  Place place;
  place.ref.segment = active_;
  place.ref.page = segment.end;
  place.ref.length = bytes;
  place.file = std::move(file);
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
  auto place = reserve(static_cast<uint32_t>(bytes.size()));
  if (!place) return place.error();
  place->ref.crc32c = crc32c(bytes);
  if (auto written = place->file->write(offset_of(place->ref), bytes); !written) {
    discard(place->ref);
    return written.error();
  }
  const std::lock_guard lock(mutex_);
  dirty_.insert(place->ref.segment);
  return place->ref;
}

Result<std::shared_ptr<SegmentFile>> ChunkLog::file_of(uint32_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(number);
  if (found == segments_.end())
    return Error{Errc::corrupt, "chunk segment " + segment_path(number) + " does not exist"};
  if (found->second.file != nullptr) return found->second.file;
  if (open_files_ >= kChunkSegmentsOpenMax) {
    for (auto& [other, segment] : segments_) {
      if (segment.file == nullptr || other == active_) continue;
      segment.file.reset();
      open_files_ -= 1;
      break;
    }
  }
  auto opened = SegmentFile::open(segment_path(number), false);
  if (!opened) return opened.error();
  found->second.file = *opened;
  open_files_ += 1;
  return *opened;
}

Result<void> ChunkLog::read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const {
  if (offset > ref.length || length > ref.length - offset) return Error{Errc::out_of_range, "beyond the chunk's end"};
  if (length == 0) return {};
  auto file = file_of(ref.segment);
  if (!file) return file.error();
  if (auto done = (*file)->read(offset_of(ref) + offset, length, out); !done) return done;
  if (length == ref.length && crc32c({out, length}) != ref.crc32c)
    return Error{Errc::corrupt, segment_path(ref.segment) + ": wrong checksum at offset " +
                                    std::to_string(offset_of(ref)) + " length " + std::to_string(length)};
  return {};
}

bool ChunkLog::intact(const ChunkRef& ref) const {
  if (ref.length > kChunkBytesMax) return false;
  std::string bytes(ref.length, '\0');
  return read(ref, 0, ref.length, bytes.data()).has_value();
}

void ChunkLog::discard(const ChunkRef& ref) { release({&ref, 1}); }

std::unique_ptr<ChunkStore::Pin> ChunkLog::pin() { return std::make_unique<ReaderPin>(readers_, visible_); }

void ChunkLog::release(std::span<const ChunkRef> refs) {
  if (frozen_) return;
  for (const ChunkRef& ref : refs) {
    std::shared_ptr<SegmentFile> file;
    {
      const std::lock_guard lock(mutex_);
      const auto found = segments_.find(ref.segment);
      if (found == segments_.end() || !found->second.live.test(ref.page)) continue;
      Segment& segment = found->second;
      segment.live.set(ref.page, pages_of(ref.length), false);
      if (segment.live.live() == 0 && ref.segment != active_) {
        unlink(segment_path(ref.segment).c_str());
        if (segment.file != nullptr) open_files_ -= 1;
        dirty_.erase(ref.segment);
        segments_.erase(found);
        continue;
      }
    }
    if (auto opened = file_of(ref.segment)) (*opened)->punch(offset_of(ref), uint64_t{pages_of(ref.length)} * kChunkPageBytes);
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
  }
  for (const uint32_t number : numbers) {
    const auto found = kept.find(number);
    if (found == kept.end()) {
      const std::lock_guard lock(mutex_);
      unlink(segment_path(number).c_str());
      if (segments_[number].file != nullptr) open_files_ -= 1;
      segments_.erase(number);
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
      if (!live) (*file)->punch(uint64_t{page} * kChunkPageBytes, uint64_t{last - page} * kChunkPageBytes);
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
  auto done = sync_directory();
  if (!done) freeze();
  return done;
}

Result<void> ChunkLog::close_cleanly() {
  if (unclean_) return {};
  if (auto done = sync(); !done) return done;
  CleanMap map;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, segment] : segments_) map[number] = {segment.end, segment.live.words()};
  if (auto written = write_clean_map(path_ + std::string(kCleanName), map); !written) return written;
  return sync_directory();
}

}  // namespace kvfs
