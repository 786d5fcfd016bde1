#include "fusefs/control_tree.h"

#include <functional>

namespace kvfs {

Result<ControlTree::Member> ControlTree::find_root(DirId tenant, std::string_view name) const {
  for (const auto& subtree : subtrees_)
    for (const ControlSubtree::Root& root : subtree->roots())
      if (root.name == name && (tenant == 0 || root.in_tenants)) return Member{subtree.get(), {tenant, root.name}};
  return Errc::not_found;
}

std::vector<ControlTree::Member> ControlTree::roots(DirId tenant) const {
  std::vector<Member> members;
  for (const auto& subtree : subtrees_)
    for (const ControlSubtree::Root& root : subtree->roots())
      if (tenant == 0 || root.in_tenants) members.push_back({subtree.get(), {tenant, root.name}});
  return members;
}

Result<ControlTree::Member> ControlTree::find(Inode inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return Errc::stale;
  return found->second.member;
}

Inode ControlTree::remember(const Member& member) {
  const std::lock_guard lock(mutex_);
  auto [at, fresh] = by_place_.try_emplace(member.place, 0);
  if (fresh) at->second = kControlInodes | kSubtreeInodes | ++last_number_;
  Node& node = nodes_[at->second];
  if (fresh) node.member = member;
  node.lookups++;
  return at->second;
}

void ControlTree::forget(Inode inode, uint64_t lookups) {
  const std::lock_guard lock(mutex_);
  const auto node = nodes_.find(inode);
  if (node == nodes_.end()) return;
  if (node->second.lookups > lookups) {
    node->second.lookups -= lookups;
    return;
  }
  const auto place = by_place_.find(node->second.member.place);
  if (place != by_place_.end() && place->second == inode) by_place_.erase(place);
  nodes_.erase(node);
}

void ControlTree::move(const ControlPlace& from, const ControlPlace& to) {
  const std::lock_guard lock(mutex_);
  by_place_.erase(to);
  std::vector<std::pair<ControlPlace, Inode>> moved;
  const ControlPlace below{from.tenant, from.path + "/"};
  const auto take = [&](auto at) {
    moved.emplace_back(ControlPlace{to.tenant, to.path + at->first.path.substr(from.path.size())}, at->second);
    return by_place_.erase(at);
  };
  if (const auto itself = by_place_.find(from); itself != by_place_.end()) take(itself);
  for (auto at = by_place_.lower_bound(below);
       at != by_place_.end() && at->first.tenant == below.tenant && at->first.path.starts_with(below.path);)
    at = take(at);
  for (auto& [place, inode] : moved) {
    nodes_[inode].member.place = place;
    by_place_.insert_or_assign(std::move(place), inode);
  }
}

void ControlTree::end(const ControlPlace& place) {
  const std::lock_guard lock(mutex_);
  by_place_.erase(place);
  const ControlPlace below{place.tenant, place.path + "/"};
  auto at = by_place_.lower_bound(below);
  while (at != by_place_.end() && at->first.tenant == place.tenant && at->first.path.starts_with(below.path))
    at = by_place_.erase(at);
}

Inode ControlTree::listed_number(const ControlPlace& place) {
  return kControlInodes | kSubtreeInodes | Inode{1} << 61 | (std::hash<std::string>()(place.path) >> 3);
}

}  // namespace kvfs
