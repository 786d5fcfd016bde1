#include "store/engine/used_chunks.h"

#include <algorithm>

#include "store/engine/coding.h"

namespace kvfs {
namespace {

constexpr char kUsedChunksNote = 'C';
constexpr size_t kNoteHeaderBytes = 1 + sizeof(Sequence);
constexpr size_t kRefBytes = 16;
constexpr size_t kRefsPerNoteMax = (kBatchNoteBytesMax - kNoteHeaderBytes) / kRefBytes;

}  // namespace

void note_used_chunks(Batch& batch, Sequence durable, std::span<const ChunkRef> refs) {
  std::string note;
  while (!refs.empty()) {
    const auto some = refs.first(std::min(refs.size(), kRefsPerNoteMax));
    note.assign(1, kUsedChunksNote);
    append_fixed(note, durable);
    for (const ChunkRef& ref : some) {
      for (const uint32_t field : {ref.segment, ref.page, ref.length, ref.crc32c}) append_fixed(note, field);
    }
    batch.note(note);
    refs = refs.subspan(some.size());
  }
}

void note_durable(Batch& batch, Sequence durable) {
  std::string note(1, kUsedChunksNote);
  append_fixed(note, durable);
  batch.note(note);
}

Result<void> parse_used_chunks(std::string_view note, UsedChunks& used) {
  if (note.empty() || note.front() != kUsedChunksNote) return {};
  Decoder in(note.substr(1));
  used.durable = std::max(used.durable, in.fixed<Sequence>());
  while (in.ok() && !in.at_end()) {
    ChunkRef& ref = used.refs.emplace_back();
    ref.segment = in.fixed<uint32_t>();
    ref.page = in.fixed<uint32_t>();
    ref.length = in.fixed<uint32_t>();
    ref.crc32c = in.fixed<uint32_t>();
  }
  if (!in.ok()) return Error{Errc::corrupt, "malformed note of used chunks"};
  return {};
}

}  // namespace kvfs
