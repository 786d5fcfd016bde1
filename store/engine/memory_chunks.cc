#include "store/engine/memory_chunks.h"

#include <cstring>

#include "store/engine/chunk_segment.h"
#include "store/engine/reader_pin.h"

namespace kvfs {
namespace {

// Numbered as if they lay in segment files, so that no two chunks share a page for whoever accounts for them.
uint64_t number_of(const ChunkRef& ref) { return uint64_t{ref.segment} * kChunkSegmentPages + ref.page; }

}  // namespace

Result<ChunkRef> MemoryChunks::append(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kChunkBytesMax) return Error{Errc::invalid, "chunk size out of range"};
  if (bytes_max_ != 0 && bytes_.load() + bytes.size() > bytes_max_)
    return Error{Errc::no_space, "max_size of " + std::to_string(bytes_max_) + " bytes reached"};
  auto copy = std::make_shared<const std::string>(bytes);
  const std::lock_guard lock(mutex_);
  const uint32_t pages = pages_of(static_cast<uint32_t>(bytes.size()));
  if (next_ % kChunkSegmentPages + pages > kChunkSegmentPages) next_ += kChunkSegmentPages - next_ % kChunkSegmentPages;
  const uint64_t number = std::exchange(next_, next_ + pages);
  staged_.insert(number);
  chunks_.emplace(number, std::move(copy));
  bytes_ += bytes.size();
  return ChunkRef{static_cast<uint32_t>(number / kChunkSegmentPages),
                  static_cast<uint32_t>(number % kChunkSegmentPages), static_cast<uint32_t>(bytes.size()), 0};
}

Result<void> MemoryChunks::read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const {
  if (offset > ref.length || length > ref.length - offset) return Error{Errc::out_of_range, "beyond the chunk's end"};
  std::shared_ptr<const std::string> chunk;
  {
    const std::lock_guard lock(mutex_);
    const auto found = chunks_.find(number_of(ref));
    if (found != chunks_.end()) chunk = found->second;
  }
  if (chunk == nullptr || chunk->size() != ref.length) return Error{Errc::corrupt, "no such chunk"};
  std::memcpy(out, chunk->data() + offset, length);
  return {};
}

void MemoryChunks::discard(const ChunkRef& ref) {
  {
    const std::lock_guard lock(mutex_);
    if (staged_.erase(number_of(ref)) == 0) return;
  }
  release({&ref, 1});
}

void MemoryChunks::adopt(std::span<const ChunkRef> refs) noexcept {
  const std::lock_guard lock(mutex_);
  for (const ChunkRef& ref : refs) staged_.erase(number_of(ref));
}

std::unique_ptr<ChunkStore::Pin> MemoryChunks::pin() { return std::make_unique<ReaderPin>(readers_, visible_); }

void MemoryChunks::release(std::span<const ChunkRef> refs) {
  const std::lock_guard lock(mutex_);
  for (const ChunkRef& ref : refs) {
    const auto found = chunks_.find(number_of(ref));
    if (found == chunks_.end()) continue;
    bytes_ -= found->second->size();
    chunks_.erase(found);
  }
}

}  // namespace kvfs
