// Where a value that is not published yet has data and holes, and what it will occupy.
#include <algorithm>

#include "fusefs/overlay.h"

namespace kvfs {
namespace {

uint32_t chunk_of(uint64_t offset) { return static_cast<uint32_t>(offset / kChunkBytes); }
uint64_t start_of(uint32_t index) { return uint64_t{index} * kChunkBytes; }

constexpr size_t kCountedChunksMax = 1024;

/// How many of the first `size` bytes lie in the chunk.
uint64_t bytes_in_chunk(uint32_t index, uint64_t size) {
  return size <= start_of(index) ? 0 : std::min<uint64_t>(size - start_of(index), kChunkBytes);
}

}  // namespace

Overlay::Cover Overlay::cover_of(uint32_t index) const {
  if (buffers_.contains(index) || pieces_.contains(index)) return Cover::bytes;
  if (const auto staged = staged_.chunks().find(index); staged != staged_.chunks().end())
    return staged->second ? Cover::bytes : Cover::hole;
  return !replaces_ && start_of(index) < base_size_ ? Cover::base : Cover::hole;
}

uint64_t Overlay::next_own(uint32_t index) const {
  uint64_t next = base_size_;
  if (const auto buffer = buffers_.upper_bound(index); buffer != buffers_.end())
    next = std::min(next, start_of(buffer->first));
  if (const auto pieces = pieces_.upper_bound(index); pieces != pieces_.end())
    next = std::min(next, start_of(pieces->first));
  if (const auto staged = staged_.chunks().upper_bound(index); staged != staged_.chunks().end())
    next = std::min(next, start_of(staged->first));
  return next;
}

std::optional<Result<uint64_t>> Overlay::seek_in_base(uint64_t& offset, uint64_t end, const BaseSeek& base) {
  const auto found = base(offset);
  if (!found && found.error().code != Errc::out_of_range) return found;
  if (found && *found < end) return found;
  offset = std::max(end, start_of(chunk_of(offset)) + kChunkBytes);
  return std::nullopt;
}

Result<uint64_t> Overlay::seek_data(uint64_t offset, const BaseSeek& base) const {
  while (offset < size_) {
    const uint32_t index = chunk_of(offset);
    switch (cover_of(index)) {
      case Cover::bytes:
        return offset;
      case Cover::hole: {
        // On to the next chunk that may have data, however far that is.
        uint64_t next = size_;
        if (const auto buffer = buffers_.upper_bound(index); buffer != buffers_.end())
          next = std::min(next, start_of(buffer->first));
        if (const auto pieces = pieces_.upper_bound(index); pieces != pieces_.end())
          next = std::min(next, start_of(pieces->first));
        const auto& chunks = staged_.chunks();
        const auto staged = std::find_if(chunks.upper_bound(index), chunks.end(),
                                         [](const auto& chunk) { return chunk.second.has_value(); });
        if (staged != chunks.end()) next = std::min(next, start_of(staged->first));
        const uint64_t following = start_of(index) + kChunkBytes;
        if (!replaces_ && following < base_size_) next = std::min(next, following);
        offset = next;
        break;
      }
      case Cover::base:
        if (const auto found = seek_in_base(offset, next_own(index), base)) return *found;
        break;
    }
  }
  return Errc::out_of_range;
}

Result<uint64_t> Overlay::seek_hole(uint64_t offset, const BaseSeek& base) const {
  if (offset >= size_) return Errc::out_of_range;
  while (offset < size_) {
    const uint32_t index = chunk_of(offset);
    switch (cover_of(index)) {
      case Cover::bytes:
        offset = start_of(index) + kChunkBytes;
        break;
      case Cover::hole:
        return offset;
      case Cover::base:
        if (const auto found = seek_in_base(offset, next_own(index), base)) return *found;
        break;
    }
  }
  return size_;
}

std::optional<uint64_t> Overlay::bytes_when_published(uint64_t base_bytes) const {
  if (size_ <= kInlineBytesMax) return size_;
  const auto& staged = staged_.chunks();
  if (replaces_ && pieces_.empty() && (buffers_.empty() || staged.empty())) return staged_bytes();
  if (!replaces_ && base_bytes != base_size_) return std::nullopt;
  if (buffers_.size() + pieces_.size() + staged.size() > kCountedChunksMax) return std::nullopt;
  uint64_t bytes = replaces_ ? 0 : base_size_;
  const auto count = [&](uint32_t index, uint64_t own) {
    bytes += own;
    if (!replaces_) bytes -= bytes_in_chunk(index, base_size_);
  };
  for (const auto& [index, buffer] : buffers_) count(index, buffer.bytes.size());
  for (const auto& [index, pieces] : pieces_) count(index, bytes_in_chunk(index, size_));
  for (const auto& [index, ref] : staged)
    if (!buffers_.contains(index) && !pieces_.contains(index)) count(index, ref ? ref->length : 0);
  return bytes;
}

}  // namespace kvfs
