#include "fusefs/node_table.h"

#include <algorithm>
#include <utility>

namespace kvfs {
namespace {

void set_place(Place& place, const Slot& slot) {
  place.dir = slot.dir;
  if (place.name != slot.name) place.name.assign(slot.name);
  place.directory = slot.directory;
}

bool stands_at(const Place& place, const Slot& slot) { return place.dir == slot.dir && place.name == slot.name; }

/// The place becomes one of the others: the file may have that name as well.
void keep_place(std::unique_ptr<std::vector<Place>>& others, Place& place, const Slot& next) {
  if (!others) others = std::make_unique<std::vector<Place>>();
  std::erase_if(*others, [&](const Place& other) { return stands_at(other, next) || stands_at(other, place.slot()); });
  if (others->size() == NodeTable::kOtherPlacesMax) others->erase(others->begin());
  others->push_back(std::move(place));
}

}  // namespace

bool NodeTable::remember(Inode inode, const Slot& slot, uint64_t count) {
  Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto [it, fresh] = s.nodes.try_emplace(inode);
  Node& node = it->second;
  node.lookups += count;
  if (!fresh && node.place.dir != 0 && !slot.directory && !stands_at(node.place, slot))
    keep_place(node.others, node.place, slot);
  set_place(node.place, slot);
  return fresh;
}

bool NodeTable::forget(Inode inode, uint64_t count) {
  Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto it = s.nodes.find(inode);
  if (it == s.nodes.end()) return true;
  if (it->second.lookups > count) {
    it->second.lookups -= count;
    return false;
  }
  s.nodes.erase(it);
  return true;
}

bool NodeTable::knows(Inode inode) const {
  const Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  return s.nodes.contains(inode);
}

std::optional<Place> NodeTable::place(Inode inode) const {
  const Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto it = s.nodes.find(inode);
  if (it == s.nodes.end()) return std::nullopt;
  return it->second.place;
}

std::vector<Place> NodeTable::other_places(Inode inode) const {
  const Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto it = s.nodes.find(inode);
  if (it == s.nodes.end() || !it->second.others) return {};
  return {it->second.others->rbegin(), it->second.others->rend()};
}

void NodeTable::move(Inode inode, const Slot& slot) {
  Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  if (const auto it = s.nodes.find(inode); it != s.nodes.end()) set_place(it->second.place, slot);
}

size_t NodeTable::size() const {
  size_t count = 0;
  for (const Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    count += s.nodes.size();
  }
  return count;
}

void NodeTable::for_each(const std::function<void(Inode, const Place&)>& visit) const {
  std::vector<std::pair<Inode, Place>> copies;
  for (const Shard& s : shards_) {
    copies.clear();
    {
      const std::lock_guard lock(s.mutex);
      for (const auto& [inode, node] : s.nodes) copies.emplace_back(inode, node.place);
    }
    for (const auto& [inode, place] : copies) visit(inode, place);
  }
}

}  // namespace kvfs
