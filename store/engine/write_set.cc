#include "store/engine/write_set.h"

#include <cstring>

namespace kvfs {
namespace {

constexpr size_t kSlotsFirst = 256;
constexpr size_t kSlotsKept = 1024;  // of a set that is used again
constexpr size_t kItemsKept = kSlotsKept / 2;

}  // namespace

WriteSet::WriteSet() : slots_(kSlotsFirst) {}

std::string_view WriteSet::copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* at = static_cast<char*>(arena_.allocate(bytes.size(), 1));
  std::memcpy(at, bytes.data(), bytes.size());
  return {at, bytes.size()};
}

size_t WriteSet::slot_of(std::string_view key, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    if (slots_[slot] == 0) return slot;
    const Item& item = items_[slots_[slot] - 1];
    if (item.hash == hash && item.key == key) return slot;
  }
}

const WriteSet::Change* WriteSet::find(std::string_view key, uint64_t hash) const {
  if (items_.empty()) return nullptr;
  const uint32_t place = slots_[slot_of(key, hash)];
  return place != 0 ? &items_[place - 1].change : nullptr;
}

void WriteSet::grow() {
  const size_t mask = slots_.size() * 2 - 1;
  slots_.assign(mask + 1, 0);
  for (size_t item = 0; item < items_.size(); ++item) {
    size_t slot = items_[item].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(item + 1);
  }
}

WriteSet::Change& WriteSet::at(std::string_view key) {
  if ((items_.size() + 1) * 2 > slots_.size()) grow();
  const uint64_t hash = row_hash(key);
  uint32_t& place = slots_[slot_of(key, hash)];
  if (place != 0) return items_[place - 1].change;
  items_.push_back({copy(key), {}, hash});
  place = static_cast<uint32_t>(items_.size());
  if (is_ordered_) ordered_.emplace(items_.back().key, items_.size() - 1);
  return items_.back().change;
}

const WriteSet::Ordered& WriteSet::ordered() const {
  if (!is_ordered_)
    for (size_t item = 0; item < items_.size(); ++item) ordered_.emplace(items_[item].key, item);
  is_ordered_ = true;
  return ordered_;
}

void WriteSet::put(std::string_view key, std::string_view value) {
  const std::string_view copied = copy(value);
  at(key) = {false, copied};
}

void WriteSet::erase(std::string_view key) { at(key) = {true, {}}; }

void WriteSet::clear() {
  is_ordered_ = false;
  ordered_.clear();
  arena_.release();
  if (items_.capacity() > kItemsKept) items_ = {};
  items_.clear();
  slots_.assign(slots_.size() > kSlotsKept ? kSlotsFirst : slots_.size(), 0);
  used.clear();
  released.clear();
}

}  // namespace kvfs
