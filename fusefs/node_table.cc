#include "fusefs/node_table.h"

#include <utility>
#include <vector>

namespace kvfs {
namespace {

void set_place(Place& place, const Slot& slot) {
  place.dir = slot.dir;
  if (place.name != slot.name) place.name.assign(slot.name);
  place.directory = slot.directory;
}

}  // namespace

bool NodeTable::remember(Inode inode, const Slot& slot, uint64_t count) {
  Shard& s = shard(inode);
  const std::lock_guard lock(s.mutex);
  const auto [it, fresh] = s.nodes.try_emplace(inode);
  it->second.lookups += count;
  set_place(it->second.place, slot);
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
