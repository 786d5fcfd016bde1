#include "store/engine/batch.h"

#include <cassert>

#include "store/engine/coding.h"

namespace kvfs {
namespace {

enum class Op : char { put = 1, erase = 2, release_chunk = 3, note = 4 };

struct IgnoreAll : BatchVisitor {
  void put(std::string_view, std::string_view) override {}
  void erase(std::string_view) override {}
  void release_chunk(const ChunkRef&) override {}
};

bool key_fits(std::string_view key) { return !key.empty() && key.size() <= kRowKeyBytesMax; }

// Visits one operation; false where the bytes are not one.
bool decode_one(Decoder& in, BatchVisitor& visitor) {
  switch (static_cast<Op>(in.fixed<char>())) {
    case Op::put: {
      const uint32_t key_bytes = in.varint();
      const uint32_t value_bytes = in.varint();
      const std::string_view key = in.bytes(key_bytes);
      const std::string_view value = in.bytes(value_bytes);
      if (!in.ok() || !key_fits(key) || value.size() > kRowValueBytesMax) return false;
      visitor.put(key, value);
      return true;
    }
    case Op::erase: {
      const std::string_view key = in.bytes(in.varint());
      if (!in.ok() || !key_fits(key)) return false;
      visitor.erase(key);
      return true;
    }
    case Op::release_chunk: {
      ChunkRef ref;
      ref.segment = in.fixed<uint32_t>();
      ref.page = in.fixed<uint32_t>();
      ref.length = in.fixed<uint32_t>();
      ref.crc32c = in.fixed<uint32_t>();
      if (!in.ok() || ref.length == 0 || ref.length > kChunkBytesMax) return false;
      visitor.release_chunk(ref);
      return true;
    }
    case Op::note: {
      const std::string_view bytes = in.bytes(in.varint());
      if (!in.ok() || bytes.size() > kBatchNoteBytesMax) return false;
      visitor.note(bytes);
      return true;
    }
  }
  return false;
}

Result<void> decode_all(std::string_view payload, BatchVisitor& visitor) {
  Decoder in(payload);
  while (!in.at_end()) {
    const size_t offset = payload.size() - in.left();
    if (!decode_one(in, visitor)) {
      return Error{Errc::corrupt, "batch: malformed operation at byte " + std::to_string(offset)};
    }
  }
  return {};
}

}  // namespace

void Batch::put(std::string_view key, std::string_view value) {
  assert(key_fits(key) && value.size() <= kRowValueBytesMax);
  buffer_.push_back(static_cast<char>(Op::put));
  append_varint(buffer_, static_cast<uint32_t>(key.size()));
  append_varint(buffer_, static_cast<uint32_t>(value.size()));
  buffer_.append(key).append(value);
  ++operations_;
}

void Batch::erase(std::string_view key) {
  assert(key_fits(key));
  buffer_.push_back(static_cast<char>(Op::erase));
  append_varint(buffer_, static_cast<uint32_t>(key.size()));
  buffer_.append(key);
  ++operations_;
}

void Batch::release_chunk(const ChunkRef& ref) {
  buffer_.push_back(static_cast<char>(Op::release_chunk));
  append_fixed(buffer_, ref.segment);
  append_fixed(buffer_, ref.page);
  append_fixed(buffer_, ref.length);
  append_fixed(buffer_, ref.crc32c);
  ++operations_;
}

void Batch::note(std::string_view bytes) {
  assert(bytes.size() <= kBatchNoteBytesMax);
  buffer_.push_back(static_cast<char>(Op::note));
  append_varint(buffer_, static_cast<uint32_t>(bytes.size()));
  buffer_.append(bytes);
  ++operations_;
}

void Batch::append(const Batch& other) {
  buffer_.append(other.payload());
  operations_ += other.operations_;
}

void Batch::clear() {
  if (buffer_.capacity() > kBatchKeptBytesMax) buffer_ = {};
  buffer_.assign(kJournalHeaderBytes, '\0');
  operations_ = 0;
}

Result<void> decode_batch(std::string_view payload, BatchVisitor& visitor) {
  IgnoreAll nothing;
  if (auto checked = decode_all(payload, nothing); !checked) return checked;
  return decode_all(payload, visitor);
}

}  // namespace kvfs
