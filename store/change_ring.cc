#include "store/change_ring.h"

#include <array>
#include <cstring>
#include <utility>

namespace kvfs {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;
constexpr size_t kTexts = 7;

// In memory only. The texts follow.
struct Record {
  uint64_t id;
  DirId dir;
  Inode inode;
  uint64_t size;
  Version version;
  DirId to_dir;
  Inode replaced_inode;
  std::string_view event;
  Origin origin;
  std::array<uint32_t, kTexts> text_bytes;
  ChangeKind kind;
  ValueType type;
  Kind node;
  bool created;

  size_t bytes() const {
    size_t sum = sizeof(Record);
    for (const uint32_t each : text_bytes) sum += each;
    return sum;
  }
};

template <class AnyChange>
auto texts_of(AnyChange& change) {
  return std::array{&change.tenant,        &change.collection, &change.key,    &change.name,
                    &change.to_collection, &change.to_key,     &change.to_name};
}

Record record_at(const std::string& bytes, size_t offset) {
  Record record;
  std::memcpy(&record, bytes.data() + offset, sizeof record);
  return record;
}

}  // namespace

void ChangeRing::push(const Change& change) {
  Record record{
      change.id,    change.dir,    change.inode, change.size, change.version, change.to_dir, change.replaced_inode,
      change.event, change.origin, {},           change.kind, change.type,    change.node,   change.created};
  const auto texts = texts_of(change);
  for (size_t i = 0; i < kTexts; ++i) record.text_bytes[i] = static_cast<uint32_t>(texts[i]->size());
  if (blocks_.empty() || blocks_.back().bytes.size() + record.bytes() > kBlockBytes) {
    blocks_.emplace_back().bytes = std::exchange(spare_, {});
    blocks_.back().bytes.reserve(kBlockBytes);
  }
  Block& block = blocks_.back();
  block.bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
  for (const std::string* text : texts) block.bytes.append(*text);
  block.last_id = last_ = change.id;
  if (++count_ > capacity_) drop_first();
}

void ChangeRing::drop_first() {
  Block& block = blocks_.front();
  const Record record = record_at(block.bytes, block.begin);
  dropped_through_ = record.id;
  block.begin += record.bytes();
  --count_;
  if (block.begin < block.bytes.size()) return;
  if (block.bytes.capacity() <= 2 * kBlockBytes) {
    spare_ = std::move(block.bytes);
    spare_.clear();
  }
  blocks_.pop_front();
}

std::vector<ChangePtr> ChangeRing::read(uint64_t after, size_t count_max) const {
  std::vector<ChangePtr> out;
  for (const Block& block : blocks_) {
    if (block.last_id <= after) continue;
    for (size_t at = block.begin; at < block.bytes.size() && out.size() < count_max;) {
      const Record record = record_at(block.bytes, at);
      const size_t next = at + record.bytes();
      if (record.id > after) {
        auto change = std::make_shared<Change>();
        change->id = record.id;
        change->kind = record.kind;
        change->origin = record.origin;
        change->created = record.created;
        change->type = record.type;
        change->node = record.node;
        change->dir = record.dir;
        change->inode = record.inode;
        change->size = record.size;
        change->version = record.version;
        change->event = record.event;
        change->to_dir = record.to_dir;
        change->replaced_inode = record.replaced_inode;
        at += sizeof record;
        const auto texts = texts_of(*change);
        for (size_t i = 0; i < kTexts; at += record.text_bytes[i++])
          texts[i]->assign(block.bytes, at, record.text_bytes[i]);
        out.push_back(std::move(change));
      }
      at = next;
    }
    if (out.size() >= count_max) break;
  }
  return out;
}

}  // namespace kvfs
