#include "store/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstring>

#include "store/byte_order.h"
#include "store/read_ahead.h"
#include "store/set_value.h"
#include "store/tree_rows.h"
#include "store/typed_value.h"

namespace kvfs {

// StagedValue

StagedValue::StagedValue(StagedValue&& other) noexcept
    : replaces(other.replaces),
      size(other.size),
      bytes(std::move(other.bytes)),
      chunks_(other.chunks_),
      staged_(std::exchange(other.staged_, {})) {}

StagedValue& StagedValue::operator=(StagedValue&& other) noexcept {
  if (this == &other) return *this;
  discard();
  replaces = other.replaces;
  size = other.size;
  bytes = std::move(other.bytes);
  chunks_ = other.chunks_;
  staged_ = std::exchange(other.staged_, {});
  return *this;
}

StagedValue::~StagedValue() { discard(); }

StagedValue StagedValue::inlined(ChunkStore& chunks, std::string bytes) {
  StagedValue out(chunks);
  out.size = bytes.size();
  out.bytes = std::move(bytes);
  return out;
}

void StagedValue::discard() {
  for (const auto& [index, ref] : staged_)
    if (ref) chunks_->discard(*ref);
  staged_.clear();
}

void StagedValue::published() { staged_.clear(); }

Result<void> StagedValue::stage_chunk(uint32_t index, std::string_view chunk) {
  Result<ChunkRef> ref = chunks_->append(chunk);
  if (!ref) return ref.error();
  stage_hole(index);
  staged_[index] = *ref;
  return {};
}

void StagedValue::stage_hole(uint32_t index) {
  auto& at = staged_[index];
  if (at) chunks_->discard(*at);
  at.reset();
}

Result<bool> StagedValue::read_chunk(uint32_t index, char* out) const {
  const auto at = staged_.find(index);
  if (at == staged_.end()) return false;
  const uint32_t length = at->second ? at->second->length : 0;
  if (length > 0)
    if (Result<void> ok = chunks_->read(*at->second, 0, length, out); !ok) return ok.error();
  std::memset(out + length, 0, kChunkBytes - length);
  return true;
}

// ValueWriter

Result<void> ValueWriter::append(std::string_view bytes) {
  if (Result<void> ok = count(bytes.size()); !ok) return ok;
  while (!bytes.empty()) {
    if (filled_ == 0 && bytes.size() >= kChunkBytes) {
      if (Result<void> ok = stage(bytes.substr(0, kChunkBytes)); !ok) return ok;
      bytes.remove_prefix(kChunkBytes);
      continue;
    }
    const std::span<char> free = room();
    const size_t part = std::min(free.size(), bytes.size());
    std::memcpy(free.data(), bytes.data(), part);
    if (Result<void> ok = fill(part); !ok) return ok;
    bytes.remove_prefix(part);
  }
  return {};
}

std::span<char> ValueWriter::room() {
  if (!chunk_) chunk_ = std::make_unique_for_overwrite<char[]>(kChunkBytes);
  return {chunk_.get() + filled_, kChunkBytes - filled_};
}

Result<void> ValueWriter::took(size_t bytes) {
  if (Result<void> ok = count(bytes); !ok) return ok;
  return fill(bytes);
}

Result<void> ValueWriter::count(size_t bytes) {
  if (bytes > bytes_max_ - size_)
    return {Errc::value_too_large, fmt::format("the value is longer than {} bytes", bytes_max_)};
  size_ += bytes;
  return {};
}

Result<void> ValueWriter::fill(size_t bytes) {
  filled_ += bytes;
  if (filled_ < kChunkBytes) return {};
  filled_ = 0;
  return stage({chunk_.get(), kChunkBytes});
}

Result<void> ValueWriter::stage(std::string_view chunk) {
  const auto& staged = staged_.chunks();
  return staged_.stage_chunk(staged.empty() ? 0 : staged.rbegin()->first + 1, chunk);
}

Result<StagedValue> ValueWriter::finish() {
  const std::string_view rest{chunk_.get(), filled_};
  if (size_ <= kInlineBytesMax) {
    staged_.bytes = rest;
  } else if (!rest.empty()) {
    if (Result<void> ok = stage(rest); !ok) return ok.error();
  }
  staged_.size = size_;
  size_ = filled_ = 0;
  return std::move(staged_);
}

// Reading

namespace {

/// Calls `visit(index, ref)` for the chunks of an inode from `first` on until it returns false.
template <class Visit>
void for_each_chunk(const Snapshot& rows, Inode inode, uint32_t first, Visit&& visit) {
  const std::string prefix = chunk_prefix(inode);
  const auto cursor = rows.cursor();
  cursor->keep_to(prefix);
  for (cursor->seek(chunk_row(inode, first)); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    if (cursor->key().size() != prefix.size() + 4) throw StoreException({Errc::corrupt, "a malformed chunk row key"});
    const Result<ChunkRef> ref = decode_chunk_row(cursor->value());
    if (!ref) throw StoreException(ref.error());
    if (!visit(load_be32(cursor->key().data() + prefix.size()), *ref)) return;
  }
}

uint32_t chunk_at(uint64_t offset) { return static_cast<uint32_t>(offset / kChunkBytes); }

/// Reads [offset, offset + length) out of chunks; what is in none is zeros. `ref_of(index)`: the chunk, if there is
/// one.
template <class RefOf>
Result<void> read_chunks(const ChunkStore& chunks, uint64_t offset, size_t length, char* out, const RefOf& ref_of) {
  const uint64_t end = offset + length;
  for (uint64_t at = offset; at < end;) {
    const auto within = static_cast<uint32_t>(at % kChunkBytes);
    const auto part = static_cast<uint32_t>(std::min<uint64_t>(kChunkBytes - within, end - at));
    const Result<std::optional<ChunkRef>> ref = ref_of(chunk_at(at));
    if (!ref) return ref.error();
    uint32_t present = 0;  // of the part; the rest is a hole
    if (*ref && within < (*ref)->length) {
      present = std::min(part, (*ref)->length - within);
      if (Result<void> ok = chunks.read(**ref, within, present, out + (at - offset)); !ok) return ok;
    }
    std::memset(out + (at - offset) + present, 0, part - present);
    at += part;
  }
  return {};
}

using ReadAhead = boost::container::small_vector<ChunkRef, 2 * kReadAheadBytes / kChunkBytes>;

}  // namespace

Result<size_t> read_value(const ReadTxn& txn, const Entry& entry, uint64_t offset, size_t length, char* out) {
  if (offset >= entry.size) return size_t{0};
  length = static_cast<size_t>(std::min<uint64_t>(length, entry.size - offset));
  if (!entry.chunked) {
    std::memcpy(out, entry.inline_value.data() + offset, length);
    return length;
  }
  if (entry.elements) return rows::read_elements(txn, entry, offset, length, out);
  const ChunkStore& chunks = txn.runtime().chunks();
  const auto ref_of = [&](uint32_t index) -> Result<std::optional<ChunkRef>> {
    const auto row = txn.rows().get(chunk_row(entry.inode, index));
    if (!row) return std::optional<ChunkRef>();
    const Result<ChunkRef> ref = decode_chunk_row(*row);
    if (!ref) return ref.error();
    return std::optional(*ref);
  };
  if (Result<void> ok = read_chunks(chunks, offset, length, out, ref_of); !ok) return ok.error();
  if (const ByteSpan next = to_read_ahead(offset, offset + length, entry.size); !next.empty()) {
    ReadAhead refs;
    for_each_chunk(txn.rows(), entry.inode, chunk_at(next.begin), [&](uint32_t index, const ChunkRef& ref) {
      if (index > chunk_at(next.end - 1)) return false;
      refs.push_back(ref);
      return true;
    });
    chunks.will_need(refs);
  }
  return length;
}

Result<std::string> read_whole_value(const ReadTxn& txn, const Entry& entry, uint64_t bytes_max) {
  if (entry.size > bytes_max)
    return {Errc::value_too_large,
            fmt::format("the value has {} bytes; at most {} are read at once", entry.size, bytes_max)};
  if (!entry.chunked) return std::string(entry.inline_value);
  std::string out(static_cast<size_t>(entry.size), '\0');
  const Result<size_t> got = read_value(txn, entry, 0, out.size(), out.data());
  if (!got) return got.error();
  return out;
}

namespace {

/// The text of a set in element rows, written down: its reader may take longer than a snapshot may live.
StagedValue written_down(const ReadTxn& txn, const Entry& entry) {
  ValueWriter writer(txn.runtime().chunks(), kValueBytesMax);
  std::vector<std::string> one(1);
  Result<void> done;
  SetReader(txn, entry).for_each([&](std::string_view member) {
    one[0] = member;
    done = writer.append(encode_members(one));
    return done.has_value();
  });
  if (!done) throw StoreException(done.error());
  Result<StagedValue> staged = writer.finish();
  if (!staged) throw StoreException(staged.error());
  return StagedValue(std::move(*staged));
}

}  // namespace

ValueReader::ValueReader(const ReadTxn& txn, const Entry& entry)
    : chunks_(&txn.runtime().chunks()), size_(entry.size), bytes_(entry.inline_value) {
  if (!entry.chunked) return;
  if (entry.elements) {
    written_ = written_down(txn, entry);
    if (written_->bytes) {
      bytes_ = *written_->bytes;
      return;
    }
    pin_ = chunks_->pin();
    for (const auto& [index, ref] : written_->chunks())
      if (ref) refs_.emplace_hint(refs_.end(), index, *ref);
    return;
  }
  pin_ = chunks_->pin();
  for_each_chunk(txn.rows(), entry.inode, 0, [&](uint32_t index, const ChunkRef& ref) {
    refs_.emplace_hint(refs_.end(), index, ref);
    return true;
  });
}

Result<size_t> ValueReader::read(uint64_t offset, size_t length, char* out) const {
  if (offset >= size_) return size_t{0};
  length = static_cast<size_t>(std::min<uint64_t>(length, size_ - offset));
  if (!pin_) {
    std::memcpy(out, bytes_.data() + offset, length);
    return length;
  }
  const auto ref_of = [&](uint32_t index) -> Result<std::optional<ChunkRef>> {
    const auto found = refs_.find(index);
    return found == refs_.end() ? std::nullopt : std::optional(found->second);
  };
  if (Result<void> ok = read_chunks(*chunks_, offset, length, out, ref_of); !ok) return ok.error();
  if (const ByteSpan next = to_read_ahead(offset, offset + length, size_); !next.empty()) {
    ReadAhead refs;
    const auto end = refs_.upper_bound(chunk_at(next.end - 1));
    for (auto each = refs_.lower_bound(chunk_at(next.begin)); each != end; ++each) refs.push_back(each->second);
    chunks_->will_need(refs);
  }
  return length;
}

Result<uint64_t> seek_data(const ReadTxn& txn, const Entry& entry, uint64_t offset) {
  if (offset >= entry.size) return Errc::out_of_range;
  if (!entry.chunked || entry.elements) return offset;
  std::optional<uint64_t> found;
  for_each_chunk(txn.rows(), entry.inode, static_cast<uint32_t>(offset / kChunkBytes),
                 [&](uint32_t index, const ChunkRef&) {
                   found = std::max(offset, uint64_t{index} * kChunkBytes);
                   return false;
                 });
  if (!found || *found >= entry.size) return Errc::out_of_range;
  return *found;
}

Result<uint64_t> seek_hole(const ReadTxn& txn, const Entry& entry, uint64_t offset) {
  if (offset >= entry.size) return Errc::out_of_range;
  if (!entry.chunked || entry.elements) return entry.size;
  uint64_t at = offset / kChunkBytes;
  for_each_chunk(txn.rows(), entry.inode, static_cast<uint32_t>(at), [&](uint32_t index, const ChunkRef&) {
    if (index != at) return false;
    ++at;
    return true;
  });
  return std::min(entry.size, std::max(offset, at * kChunkBytes));
}

uint64_t value_bytes_allocated(const ReadTxn&, const Entry& entry) { return entry.bytes_charged(); }

// Publishing

namespace rows {

namespace {

/// The present value up to `size`, where that is small enough to be inline.
Result<std::string> head_of(WriteTxn& txn, const Entry& entry, uint64_t size) {
  std::string head(static_cast<size_t>(std::min(size, entry.size)), '\0');
  const Result<size_t> got = read_value(txn, entry, 0, head.size(), head.data());
  if (!got) return got.error();
  return head;
}

void put_chunk(WriteTxn& txn, Entry& entry, uint32_t index, const std::optional<ChunkRef>& ref) {
  const std::string key = chunk_row(entry.inode, index);
  if (const auto row = txn.rows().get(key)) {
    const Result<ChunkRef> old = decode_chunk_row(*row);
    if (!old) throw StoreException(old.error());
    entry.bytes -= old->length;
    txn.rows().release_chunk(*old);
  }
  if (ref) {
    entry.bytes += ref->length;
    txn.rows().use_chunk(*ref);
    txn.rows().put(key, encode_chunk_row(*ref));
  } else {
    txn.rows().erase(key);
  }
}

/// Cuts a chunked value: chunks beyond `size` go, the one it ends in is shortened so that a later extension is zeros.
Result<void> cut_chunks(WriteTxn& txn, Entry& entry, uint64_t size) {
  const auto kept = static_cast<uint32_t>((size + kChunkBytes - 1) / kChunkBytes);
  std::vector<std::pair<uint32_t, ChunkRef>> gone;
  for_each_chunk(txn.rows(), entry.inode, kept, [&](uint32_t index, const ChunkRef& ref) {
    gone.emplace_back(index, ref);
    return true;
  });
  for (const auto& [index, ref] : gone) put_chunk(txn, entry, index, std::nullopt);
  const auto tail = static_cast<uint32_t>(size % kChunkBytes);
  if (tail == 0) return {};
  const auto row = txn.rows().get(chunk_row(entry.inode, kept - 1));
  if (!row) return {};
  const Result<ChunkRef> ref = decode_chunk_row(*row);
  if (!ref) return ref.error();
  if (ref->length <= tail) return {};
  std::string bytes(ref->length, '\0');
  if (Result<void> ok = txn.runtime().chunks().read(*ref, 0, ref->length, bytes.data()); !ok) return ok;
  bytes.resize(tail);
  const Result<ChunkRef> shortened = txn.append_chunk(bytes);
  if (!shortened) return shortened.error();
  put_chunk(txn, entry, kept - 1, *shortened);
  return {};
}

void make_inline(WriteTxn& txn, Entry& entry, std::string& storage, std::string bytes) {
  if (entry.chunked) erase_chunks(txn, entry.inode);
  storage = std::move(bytes);
  entry.chunked = false;
  entry.bytes = 0;
  entry.size = storage.size();
  entry.inline_value = storage;
}

/// Turns an inline value into a chunked one of the same bytes.
Result<void> make_chunked(WriteTxn& txn, Entry& entry, bool keep_bytes) {
  std::optional<ChunkRef> ref;
  if (keep_bytes && entry.size > 0) {
    const Result<ChunkRef> appended = txn.append_chunk(entry.inline_value);
    if (!appended) return appended.error();
    ref = *appended;
  }
  entry.inline_value = {};
  entry.chunked = true;
  entry.bytes = 0;
  if (ref) put_chunk(txn, entry, 0, ref);
  return {};
}

Result<void> replace_value(WriteTxn& txn, Entry& entry, const StagedValue& value, std::string& storage) {
  if (value.bytes) {
    make_inline(txn, entry, storage, *value.bytes);
    return {};
  }
  if (entry.chunked) erase_chunks(txn, entry.inode);
  entry.inline_value = {};
  entry.chunked = true;
  entry.bytes = 0;
  entry.size = value.size;
  for (const auto& [index, ref] : value.chunks())
    if (ref) {
      txn.rows().use_chunk(*ref);
      txn.rows().put(chunk_row(entry.inode, index), encode_chunk_row(*ref));
      entry.bytes += ref->length;
    }
  return {};
}

Result<void> overlay_value(WriteTxn& txn, Entry& entry, const StagedValue& value, std::string& storage) {
  if (value.chunks().empty() && value.size <= kInlineBytesMax) {
    Result<std::string> head = head_of(txn, entry, value.size);
    if (!head) return head.error();
    head->resize(static_cast<size_t>(value.size), '\0');
    make_inline(txn, entry, storage, std::move(*head));
    return {};
  }
  if (!entry.chunked) {
    storage.assign(entry.inline_value.substr(0, static_cast<size_t>(std::min(value.size, entry.size))));
    entry.inline_value = storage;
    entry.size = storage.size();
    if (Result<void> ok = make_chunked(txn, entry, !value.chunks().contains(0)); !ok) return ok;
  } else if (value.size < entry.size) {
    if (Result<void> ok = cut_chunks(txn, entry, value.size); !ok) return ok;
  }
  entry.size = value.size;
  for (const auto& [index, ref] : value.chunks()) put_chunk(txn, entry, index, ref);
  return {};
}

}  // namespace

Result<void> apply_value(WriteTxn& txn, const DirPath* path, Entry& entry, const StagedValue& value,
                         std::string& storage) {
  if (value.size > kValueBytesMax)
    return {Errc::value_too_large, fmt::format("a value has at most {} bytes", kValueBytesMax)};
  const uint64_t before = entry.bytes_charged();
  Result<void> ok =
      value.replaces ? replace_value(txn, entry, value, storage) : overlay_value(txn, entry, value, storage);
  if (!ok) return ok;
  if (path != nullptr) count(txn, *path, 0, static_cast<int64_t>(entry.bytes_charged()) - static_cast<int64_t>(before));
  return {};
}

Result<void> write_chunks(WriteTxn& txn, const DirPath& path, Entry& entry, std::string_view bytes) {
  const uint64_t before = entry.bytes_charged();
  if (entry.type != ValueType::bytes) drop_value(txn, entry);
  if (entry.chunked) erase_chunks(txn, entry.inode);
  entry.inline_value = {};
  entry.chunked = true;
  entry.bytes = 0;
  entry.size = bytes.size();
  for (uint32_t index = 0; !bytes.empty(); ++index) {
    const std::string_view part = bytes.substr(0, kChunkBytes);
    const Result<ChunkRef> ref = txn.append_chunk(part);
    if (!ref) return ref.error();
    put_chunk(txn, entry, index, *ref);
    bytes.remove_prefix(part.size());
  }
  count(txn, path, 0, static_cast<int64_t>(entry.bytes_charged()) - static_cast<int64_t>(before));
  return {};
}

}  // namespace rows
}  // namespace kvfs
