// `.kvfs/snapshots`: mkdir takes a snapshot, rmdir drops it, and its tree is read like the live one.
#include <algorithm>

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

DirId tenant_of_control(Inode directory) {
  const DirId parent = ControlDir::parent_of(directory);
  return parent == kRootDir ? 0 : parent;
}

}  // namespace

Node Filesystem::snapshot_node(const Snapshots::Ptr& snapshot) {
  const Inode view = views_.open(snapshot);
  const auto node = snapshot->read([&](const ReadTxn& txn) -> Result<Node> {
    if (snapshot->root() == kRootDir) return to_node(txn, root_entry(txn), view);
    const auto path = dir_path(txn, snapshot->root());
    if (!path) return path.error();
    const auto entry = find_entry(txn, {(*path)->parent, (*path)->name, true});
    if (!entry) return entry.error();
    return to_node(txn, *entry, view);
  });
  if (!node) return {};
  Node top = *node;
  const uint64_t now_ms = store_.now_ms();
  const double left_s = snapshot->ends_ms() > now_ms ? static_cast<double>(snapshot->ends_ms() - now_ms) / 1000 : 0;
  top.entry_timeout_s = std::min(top.entry_timeout_s, left_s);
  return top;
}

Result<Node> Filesystem::lookup_snapshot(Inode directory, std::string_view name) {
  const auto snapshot = snapshots_->find(name, tenant_of_control(directory));
  if (!snapshot) return snapshot.error();
  const Node node = snapshot_node(*snapshot);
  if (node.inode == 0) return Errc::not_found;
  nodes_.remember(node.inode, {kRootDir, {}, true});
  return node;
}

Result<Node> Filesystem::take_snapshot(Inode directory, std::string_view name) {
  const auto taken = snapshots_->take(name, tenant_of_control(directory));
  if (!taken) return taken.error();
  return lookup_snapshot(directory, name);
}

Result<void> Filesystem::drop_snapshot(Inode directory, std::string_view name) {
  const DirId tenant = tenant_of_control(directory);
  const auto snapshot = snapshots_->find(name, tenant);
  if (!snapshot) return snapshot.error();
  views_.close(*snapshot);
  return snapshots_->drop(name, tenant);
}

Result<void> Filesystem::list_snapshots(Inode directory, uint64_t first, uint64_t offset_of_first, bool with_nodes,
                                        const EntrySink& sink) {
  const auto listed = snapshots_->list(tenant_of_control(directory));
  for (uint64_t i = first; i < listed.size(); i++) {
    const Node node = snapshot_node(listed[i]);
    if (node.inode == 0) continue;
    if (!sink(listed[i]->name(), node, offset_of_first + i + 1)) return {};
    if (with_nodes) nodes_.remember(node.inode, {kRootDir, {}, true});
  }
  return {};
}

}  // namespace kvfs
