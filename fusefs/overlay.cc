#include "fusefs/overlay.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace kvfs {
namespace {

constexpr double kRelievedShare = 0.75;  // so much of the limits stays in memory, that not each write moves something

uint32_t chunk_of(uint64_t offset) { return static_cast<uint32_t>(offset / kChunkBytes); }
uint64_t start_of(uint32_t index) { return uint64_t{index} * kChunkBytes; }
uint64_t chunks_in(uint64_t size) { return (size + kChunkBytes - 1) / kChunkBytes; }

/// How many of the first `size` bytes lie in the chunk.
size_t bytes_in_chunk(uint32_t index, uint64_t size) {
  const uint64_t start = start_of(index);
  return size <= start ? 0 : static_cast<size_t>(std::min<uint64_t>(size - start, kChunkBytes));
}

}  // namespace

Overlay::Overlay(ChunkStore& chunks, const OverlayLimits& limits, OverlayGauge& gauge)
    : chunks_(chunks), limits_(limits), gauge_(gauge), staged_(chunks) {}

Overlay::~Overlay() { reset(); }

void Overlay::begin(uint64_t base_size) {
  reset();
  begun_ = true;
  base_size_ = size_ = base_size;
}

void Overlay::begin_empty(bool dirty) {
  reset();
  begun_ = true;
  replaces_ = true;
  if (dirty) mark_dirty();
}

void Overlay::reset() {
  if (dirty_) gauge_.dirty_files--;
  count_memory(-static_cast<int64_t>(memory_bytes_));
  count_spilled(-static_cast<int64_t>(spilled_bytes_));
  buffers_.clear();
  pieces_.clear();
  parts_.clear();
  cut_to_ = UINT64_MAX;
  resized_ = false;
  written_end_ = 0;
  if (!staged_.chunks().empty()) staged_ = StagedValue(chunks_);
  begun_ = dirty_ = replaces_ = changes_base_ = false;
  base_size_ = size_ = 0;
}

void Overlay::mark_dirty() {
  if (!dirty_) gauge_.dirty_files++;
  dirty_ = true;
}

void Overlay::count_memory(int64_t change) {
  if (change == 0) return;
  memory_bytes_ += static_cast<uint64_t>(change);
  gauge_.memory_bytes += static_cast<uint64_t>(change);
  gauge_.dirty_bytes += static_cast<uint64_t>(change);
}

void Overlay::count_spilled(int64_t change) {
  if (change == 0) return;
  spilled_bytes_ += static_cast<uint64_t>(change);
  gauge_.dirty_bytes += static_cast<uint64_t>(change);
}

Result<void> Overlay::write(uint64_t offset, std::string_view bytes, const BaseReader& base) {
  if (offset + bytes.size() > kValueBytesMax)
    return Error{Errc::value_too_large, "a file holds at most " + std::to_string(kValueBytesMax) + " bytes"};
  mark_dirty();
  if (offset < base_size_) changes_base_ = true;
  while (!bytes.empty()) {
    const auto at = static_cast<uint32_t>(offset % kChunkBytes);
    const size_t n = std::min<size_t>(bytes.size(), kChunkBytes - at);
    if (auto done = write_chunk(chunk_of(offset), at, bytes.substr(0, n), base); !done) return done;
    offset += n;
    size_ = std::max(size_, offset);
    written_end_ = std::max(written_end_, offset);
    bytes.remove_prefix(n);
  }
  return relieve_memory();
}

Result<void> Overlay::write_chunk(uint32_t index, uint32_t at, std::string_view bytes, const BaseReader& base) {
  const bool ours = is_ours(index);
  auto it = buffers_.find(index);
  if (it == buffers_.end()) {
    if (bytes.size() == kChunkBytes) {  // nothing to merge with: no detour by a buffer
      if (auto done = stage(index, bytes); !done) return done;
      drop_pieces(index);
      parts_.erase(index);
      return {};
    }
    const bool covers = at == 0 && bytes.size() >= bytes_in_chunk(index, size_);
    if (covers) {
      drop_pieces(index);
      it = buffers_.try_emplace(index).first;
    } else if (write_piece(index, at, bytes)) {
      return {};
    } else {
      auto loaded = load(index, base);
      if (!loaded) return loaded.error();
      it = *loaded;
    }
  }
  std::string& buffer = it->second.bytes;
  const size_t before = buffer.size();
  if (at >= before) {
    buffer.resize(at);
    buffer.append(bytes);
  } else {
    if (at + bytes.size() > before) buffer.resize(at + bytes.size());
    std::memcpy(buffer.data() + at, bytes.data(), bytes.size());
  }
  it->second.tick = ++tick_;
  count_memory(static_cast<int64_t>(buffer.size() - before));
  if (!ours) note_written(index, at, at + static_cast<uint32_t>(bytes.size()));
  return {};
}

bool Overlay::write_piece(uint32_t index, uint32_t at, std::string_view bytes) {
  if (size_ <= kChunkBytes) return false;  // not worth it
  ChunkPieces& pieces = pieces_.try_emplace(index, chunks_).first->second;
  const uint64_t memory = pieces.memory_bytes();
  const uint64_t moved = pieces.moved_bytes();
  if (!pieces.write(at, bytes)) return false;
  pieces.tick = ++tick_;
  count_memory(static_cast<int64_t>(pieces.memory_bytes() - memory));
  count_spilled(static_cast<int64_t>(pieces.moved_bytes() - moved));
  if (!is_ours(index)) note_written(index, at, at + static_cast<uint32_t>(bytes.size()));
  if (auto whole = pieces.take_whole()) {
    pieces_.erase(index);
    buffers_.try_emplace(index, Buffer{std::move(*whole), tick_});
  }
  return true;
}

void Overlay::drop_pieces(uint32_t index) {
  const auto pieces = pieces_.find(index);
  if (pieces == pieces_.end()) return;
  count_memory(-static_cast<int64_t>(pieces->second.memory_bytes()));
  count_spilled(-static_cast<int64_t>(pieces->second.moved_bytes()));
  pieces_.erase(pieces);
}

void Overlay::note_written(uint32_t index, uint32_t from, uint32_t to) {
  if (replaces_) return;  // there is nothing to lay it over
  Ranges& ranges = parts_[index];
  auto first = std::lower_bound(ranges.begin(), ranges.end(), from,
                                [](const auto& range, uint32_t at) { return range.second < at; });
  auto last = first;
  for (; last != ranges.end() && last->first <= to; ++last) {
    from = std::min(from, last->first);
    to = std::max(to, last->second);
  }
  ranges.insert(ranges.erase(first, last), {from, to});
  if (from == 0 && to == kChunkBytes) parts_.erase(index);
}

bool Overlay::is_ours(uint32_t index) const {
  return !parts_.contains(index) && (buffers_.contains(index) || staged_.chunks().contains(index));
}

Result<Overlay::Buffers::iterator> Overlay::load(uint32_t index, const BaseReader& base) {
  if (const auto it = buffers_.find(index); it != buffers_.end()) return it;
  std::string bytes(bytes_in_chunk(index, size_), '\0');
  if (auto done = read_chunk(index, 0, bytes.size(), bytes.data(), base); !done) return done.error();
  if (!replaces_ && !staged_.chunks().contains(index)) parts_.try_emplace(index);
  drop_pieces(index);
  count_memory(static_cast<int64_t>(bytes.size()));
  return buffers_.try_emplace(index, Buffer{std::move(bytes), ++tick_}).first;
}

Result<size_t> Overlay::read(uint64_t offset, size_t length, char* out, const BaseReader& base) const {
  if (offset >= size_) return size_t{0};
  length = static_cast<size_t>(std::min<uint64_t>(length, size_ - offset));
  for (size_t done = 0; done < length;) {
    const auto at = static_cast<uint32_t>((offset + done) % kChunkBytes);
    const size_t n = std::min<size_t>(length - done, kChunkBytes - at);
    if (auto read = read_chunk(chunk_of(offset + done), at, n, out + done, base); !read) return read.error();
    done += n;
  }
  return length;
}

Result<void> Overlay::read_chunk(uint32_t index, uint32_t at, size_t length, char* out, const BaseReader& base) const {
  if (const auto it = buffers_.find(index); it != buffers_.end()) {
    const std::string& bytes = it->second.bytes;
    const size_t n = at < bytes.size() ? std::min(length, bytes.size() - at) : 0;
    std::memcpy(out, bytes.data() + at, n);
    std::memset(out + n, 0, length - n);
    return {};
  }
  if (auto done = read_below(index, at, length, out, base); !done) return done;
  const auto pieces = pieces_.find(index);
  return pieces == pieces_.end() ? Result<void>() : pieces->second.read(at, length, out);
}

Result<void> Overlay::read_below(uint32_t index, uint32_t at, size_t length, char* out, const BaseReader& base) const {
  if (staged_.chunks().contains(index)) {
    if (length == kChunkBytes) {
      const auto read = staged_.read_chunk(index, out);
      if (!read) return read.error();
      return {};
    }
    std::vector<char> chunk(kChunkBytes);
    if (const auto read = staged_.read_chunk(index, chunk.data()); !read) return read.error();
    std::memcpy(out, chunk.data() + at, length);
    return {};
  }
  const uint64_t offset = start_of(index) + at;
  size_t have = 0;
  if (!replaces_ && offset < base_size_) {
    const auto read = base(offset, static_cast<size_t>(std::min<uint64_t>(length, base_size_ - offset)), out);
    if (!read) return read.error();
    have = *read;
  }
  std::memset(out + have, 0, length - have);
  return {};
}

Result<bool> Overlay::resize(uint64_t size, const BaseReader& base) {
  changes_base_ = true;
  if (size > kValueBytesMax)
    return Error{Errc::value_too_large, "a file holds at most " + std::to_string(kValueBytesMax) + " bytes"};
  if (size == 0) {
    begin_empty(true);
    return false;
  }
  if (size < size_) {
    const uint32_t last = chunk_of(size - 1);
    const size_t keep = bytes_in_chunk(last, size);
    if (keep < kChunkBytes) {
      // The cut chunk stays in memory: its tail must read as zeros when the file grows again.
      auto loaded = load(last, base);
      if (!loaded) return loaded.error();
      std::string& bytes = (*loaded)->second.bytes;
      if (bytes.size() > keep) {
        count_memory(-static_cast<int64_t>(bytes.size() - keep));
        bytes.resize(keep);
      }
    }
    for (auto it = buffers_.upper_bound(last); it != buffers_.end(); it = buffers_.erase(it))
      count_memory(-static_cast<int64_t>(it->second.bytes.size()));
    for (auto it = pieces_.upper_bound(last); it != pieces_.end(); it = pieces_.upper_bound(last))
      drop_pieces(it->first);
    std::vector<uint32_t> beyond;
    for (auto it = staged_.chunks().upper_bound(last); it != staged_.chunks().end(); ++it) beyond.push_back(it->first);
    for (const uint32_t index : beyond) make_hole(index);
  }
  mark_dirty();
  size_ = size;
  resized_ = true;
  cut_to_ = std::min(cut_to_, size);
  parts_.erase(parts_.lower_bound(static_cast<uint32_t>(chunks_in(size))), parts_.end());
  const bool cuts_base = !replaces_ && base_size_ > size;
  if (cuts_base) base_size_ = size;
  return cuts_base;
}

Result<void> Overlay::zero(uint64_t offset, uint64_t length, const BaseReader& base) {
  changes_base_ = true;
  const uint64_t end = std::min(size_, offset + length);
  if (offset >= end) return {};
  mark_dirty();
  while (offset < end) {
    const uint32_t index = chunk_of(offset);
    const auto at = static_cast<uint32_t>(offset % kChunkBytes);
    const size_t n = std::min<size_t>(kChunkBytes - at, end - offset);
    const bool ours = is_ours(index);
    if (at == 0 && n >= bytes_in_chunk(index, size_)) {
      make_hole(index);
      parts_.erase(index);
      if (!ours) note_written(index, 0, static_cast<uint32_t>(n));
    } else {
      auto loaded = load(index, base);
      if (!loaded) return loaded.error();
      std::string& bytes = (*loaded)->second.bytes;
      if (at < bytes.size()) std::memset(bytes.data() + at, 0, std::min(n, bytes.size() - at));
      if (!ours) note_written(index, at, at + static_cast<uint32_t>(n));
    }
    offset += n;
  }
  return relieve_memory();
}

Result<void> Overlay::stage(uint32_t index, std::string_view bytes) {
  const auto before = staged_.chunks().find(index);
  const uint32_t replaced = before != staged_.chunks().end() && before->second ? before->second->length : 0;
  if (auto done = staged_.stage_chunk(index, bytes); !done) return done;
  count_spilled(static_cast<int64_t>(bytes.size()) - static_cast<int64_t>(replaced));
  return {};
}

void Overlay::make_hole(uint32_t index) {
  drop_pieces(index);
  if (const auto it = buffers_.find(index); it != buffers_.end()) {
    count_memory(-static_cast<int64_t>(it->second.bytes.size()));
    buffers_.erase(it);
  }
  const auto before = staged_.chunks().find(index);
  if (before != staged_.chunks().end() && before->second) count_spilled(-static_cast<int64_t>(before->second->length));
  staged_.stage_hole(index);
}

Result<void> Overlay::spill(Buffers::iterator buffer) {
  const auto length = static_cast<int64_t>(buffer->second.bytes.size());
  if (length == 0) {
    staged_.stage_hole(buffer->first);
  } else if (auto done = stage(buffer->first, buffer->second.bytes); !done) {
    return done;
  }
  buffers_.erase(buffer);
  count_memory(-length);
  return {};
}

Result<void> Overlay::move(ChunkPieces& pieces) {
  const uint64_t memory = pieces.memory_bytes();
  const uint64_t moved = pieces.moved_bytes();
  auto done = pieces.move();
  count_memory(static_cast<int64_t>(pieces.memory_bytes() - memory));
  count_spilled(static_cast<int64_t>(pieces.moved_bytes() - moved));
  return done;
}

Result<void> Overlay::relieve_memory() {
  const auto beyond = [this](double share) {
    const auto part = [&](uint64_t bytes) { return static_cast<uint64_t>(share * static_cast<double>(bytes)); };
    return memory_bytes_ > part(limits_.memory_per_file_bytes_max) ||
           gauge_.memory_bytes.load() > part(limits_.memory_total_bytes_max);
  };
  if (!beyond(1)) return {};
  std::vector<std::pair<uint64_t, uint32_t>> oldest_first;  // ticks and chunks
  for (const auto& [index, buffer] : buffers_) oldest_first.emplace_back(buffer.tick, index);
  for (const auto& [index, pieces] : pieces_)
    if (pieces.memory_bytes() > 0) oldest_first.emplace_back(pieces.tick, index);
  std::sort(oldest_first.begin(), oldest_first.end());
  for (const auto& [tick, index] : oldest_first) {
    if (!beyond(kRelievedShare)) break;
    const auto pieces = pieces_.find(index);
    if (auto done = pieces != pieces_.end() ? move(pieces->second) : spill(buffers_.find(index)); !done) return done;
  }
  return {};
}

Result<void> Overlay::rebase(uint64_t base_size, const BaseReader& base) {
  if (replaces_) return {};
  base_size_ = std::min(base_size, cut_to_);
  if (!resized_) size_ = std::max(base_size, written_end_);
  for (const auto& [index, ranges] : parts_) {
    if (pieces_.contains(index) && !staged_.chunks().contains(index)) continue;  // they lie over it
    if (auto done = rebase_chunk(index, ranges, base); !done) return done;
  }
  return relieve_memory();
}

Result<void> Overlay::rebase_chunk(uint32_t index, const Ranges& ranges, const BaseReader& base) {
  std::string ours(kChunkBytes, '\0');
  if (auto done = read_chunk(index, 0, ours.size(), ours.data(), base); !done) return done;
  std::string merged(bytes_in_chunk(index, size_), '\0');
  if (const size_t theirs = bytes_in_chunk(index, base_size_); theirs > 0) {
    const auto read = base(start_of(index), std::min(theirs, merged.size()), merged.data());
    if (!read) return read.error();
  }
  for (const auto& [from, to] : ranges)
    if (from < merged.size())
      std::memcpy(merged.data() + from, ours.data() + from, std::min<size_t>(to, merged.size()) - from);
  if (staged_.chunks().contains(index)) make_hole(index);
  drop_pieces(index);
  Buffer& buffer = buffers_[index];
  count_memory(static_cast<int64_t>(merged.size()) - static_cast<int64_t>(buffer.bytes.size()));
  buffer = {std::move(merged), ++tick_};
  return {};
}

bool Overlay::covers_base() const {
  if (replaces_ || base_size_ == 0) return true;
  const uint64_t needed = chunks_in(base_size_);
  if (buffers_.size() + staged_.chunks().size() < needed) return false;
  for (uint64_t index = 0; index < needed; index++) {
    const auto i = static_cast<uint32_t>(index);
    if (!buffers_.contains(i) && !staged_.chunks().contains(i)) return false;
  }
  return true;
}

Result<const StagedValue*> Overlay::prepare(const BaseReader& base) {
  small_.reset();
  while (!pieces_.empty()) {
    const auto whole = load(pieces_.begin()->first, base);
    if (!whole) return whole.error();
    if (size_ <= kInlineBytesMax) continue;
    if (auto done = spill(*whole); !done) return done.error();
  }
  const bool replaces = covers_base();
  if (replaces && size_ <= kInlineBytesMax) {
    std::string bytes(size_, '\0');
    const BaseReader no_base = [](uint64_t, size_t, char*) -> Result<size_t> { return size_t{0}; };
    if (const auto read = this->read(0, bytes.size(), bytes.data(), no_base); !read) return read.error();
    small_ = StagedValue::inlined(chunks_, std::move(bytes));
    return &*small_;
  }
  while (!buffers_.empty())
    if (auto done = spill(buffers_.begin()); !done) return done.error();
  staged_.replaces = replaces;
  staged_.size = size_;
  return &staged_;
}

void Overlay::published() {
  if (!small_) {
    staged_.published();
    staged_ = StagedValue(chunks_);
  }
  small_.reset();
  reset();
}

Result<void> Overlay::publish(const BaseReader& base,
                              const std::function<Result<void>(const StagedValue&)>& publisher) {
  const auto value = prepare(base);
  if (!value) return value.error();
  if (auto done = publisher(**value); !done) {
    small_.reset();
    return done;
  }
  published();
  return {};
}

}  // namespace kvfs
