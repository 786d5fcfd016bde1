#include "store/change_ring.h"

#include <algorithm>
#include <utility>

#include "store/patience.h"

namespace kvfs {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;

}  // namespace

void ChangeRing::push(const ChangeLog& changes) {
  size_t next = 0;
  with_patience([&] {
    for (; next < changes.size(); ++next) push(changes.packed(next));
  });
  if (count_ > capacity_) drop(count_ - capacity_);
}

void ChangeRing::push(std::string_view packed) {
  if (blocks_.empty() || blocks_.back().bytes.size() + packed.size() > kBlockBytes) {
    blocks_.push_back(std::exchange(spare_, {}));
    blocks_.back().bytes.reserve(kBlockBytes);
  }
  Block& block = blocks_.back();
  // First, so that nothing is half added where there is no memory.
  if (block.ends.size() == block.ends.capacity()) block.ends.reserve(2 * block.ends.size() + 16);
  block.bytes.append(packed);
  block.ends.push_back(static_cast<uint32_t>(block.bytes.size()));
  block.last_id = last_ = id_of_packed(packed);
  ++count_;
}

// Looks at none of what it drops: it lies in memory that was left long ago.
void ChangeRing::drop(size_t count) {
  count_ -= count;
  while (count > 0) {
    Block& block = blocks_.front();
    const size_t part = std::min(count, block.ends.size() - block.dropped);
    block.dropped += part;
    count -= part;
    if (block.dropped < block.ends.size()) return;
    dropped_through_ = block.last_id;
    if (block.bytes.capacity() <= 2 * kBlockBytes) {
      block.bytes.clear();
      block.ends.clear();
      block.dropped = 0;
      spare_ = std::move(block);
    }
    blocks_.pop_front();
  }
}

uint64_t ChangeRing::dropped_through() const {
  if (blocks_.empty() || blocks_.front().dropped == 0) return dropped_through_;
  return id_of_packed(blocks_.front().packed(blocks_.front().dropped - 1));
}

std::vector<ChangePtr> ChangeRing::read(uint64_t after, size_t count_max) const {
  std::vector<ChangePtr> out;
  for (const Block& block : blocks_) {
    if (block.last_id <= after) continue;
    for (size_t i = block.dropped; i < block.ends.size() && out.size() < count_max; ++i)
      if (id_of_packed(block.packed(i)) > after)
        out.push_back(std::make_shared<Change>(unpack_change(block.packed(i))));
    if (out.size() >= count_max) break;
  }
  return out;
}

}  // namespace kvfs
