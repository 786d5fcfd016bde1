// Requests about directories: opendir, readdir, readdirplus.
#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"
#include "fusefs/filesystem.h"

namespace kvfs {
Result<std::unique_ptr<DirectoryHandle>> Filesystem::open_directory(Inode inode) {
  write_access_times_if_overdue();
  auto handle = std::make_unique<DirectoryHandle>();
  handle->inode = inode;
  return handle;
}

std::optional<std::string> Filesystem::resume_position(const ReadTxn& txn, const DirectoryHandle& handle,
                                                       uint64_t offset) const {
  if (offset <= kAfterOwnValue) return std::nullopt;
  if (handle.recent) {
    if (handle.recent->back().first == offset) return handle.recent->back().second;
    for (const auto& [at, position] : *handle.recent)
      if (at == offset) return position;
  }
  if (const auto it = handle.earlier.find(offset); it != handle.earlier.end()) return it->second;
  const DirId directory = inode_in_view(handle.inode);
  if (auto known = positions_.find(directory, offset)) return known;
  for (DirectoryCursor cursor(txn, directory, std::nullopt); cursor.valid(); cursor.next())
    if (auto position = cursor.position(); directory_offset(position) == offset) return position;
  return std::nullopt;  // removed long ago: rather a name twice than one never
}

Result<void> Filesystem::read_directory(DirectoryHandle& handle, uint64_t offset, bool with_nodes,
                                        const EntrySink& sink) {
  const std::lock_guard lock(handle.mutex);
  const auto bare = [](Inode inode, mode_t type) {
    Node node;
    node.inode = inode;
    node.attributes.st_ino = inode;
    node.attributes.st_mode = type;
    return node;
  };
  if (offset < kAfterDot && !sink(".", bare(handle.inode, S_IFDIR), kAfterDot)) return {};
  if (is_control(handle.inode)) {
    const Inode above = is_in_subtree(handle.inode) ? handle.inode : ControlDir::parent_of(handle.inode);
    if (offset < kAfterDotDot && !sink("..", bare(above, S_IFDIR), kAfterDotDot)) return {};
    if (!is_in_subtree(handle.inode) && ControlDir::is_snapshots(handle.inode))
      return list_snapshots(handle.inode, offset > kAfterDotDot ? offset - kAfterDotDot : 0, kAfterDotDot, with_nodes,
                            sink);
    return list_control(handle, offset, with_nodes, sink);
  }
  const uint64_t seen = store_.feed().last();
  const Inode view = view_of(handle.inode);
  const DirId directory = inode_in_view(handle.inode);
  return read_in(handle.inode, [&](const ReadTxn& txn) -> Result<void> {
    if (offset < kAfterDotDot) {
      if (view == 0)
        if (const auto located = locate(txn, directory)) note_read(*located);
      const auto path = dir_path(txn, directory);
      if (!path) return path.error();
      const Inode parent = view | ((*path)->parent == 0 ? kRootDir : (*path)->parent);
      if (!sink("..", bare(parent, S_IFDIR), kAfterDotDot)) return {};
    }
    // True: taken.
    const auto give = [&](std::string_view name, const Slot& slot, const Entry& entry, uint64_t next) {
      if (!with_nodes) return sink(name, bare(view | entry.inode, file_type(entry.kind)), next);
      Node node = to_node(txn, entry, view);
      const bool known = nodes_.knows(node.inode);
      if (!known) remember(node, slot, seen);
      const bool taken = sink(name, node, next);
      if (taken && known) nodes_.remember(node.inode, slot);
      if (taken) hold_special(node, slot);
      if (!taken && !known) nodes_.forget(node.inode, 1);
      return taken;
    };
    if (offset < kAfterOwnValue) {
      const auto own = own_value(txn, directory);
      if (own && !give(kOwnValueName, own->slot, own->entry, kAfterOwnValue)) return {};
    }
    const auto after = resume_position(txn, handle, offset);
    DirectoryCursor cursor(txn, directory, after);
    DirectoryPositions::Answer given;
    std::string escaped;
    for (; cursor.valid(); cursor.next()) {
      std::string_view name = cursor.component();
      if (name.empty() || name[0] == '.' || name[0] == '%' || name.find('\0') != std::string_view::npos) {
        escaped = to_file_name(name);
        name = escaped;
      }
      std::string position = cursor.position();
      const uint64_t behind = directory_offset(position);
      if (!give(name, cursor.slot(), cursor.entry(), behind)) break;
      given.emplace_back(behind, std::move(position));
    }
    if (!given.empty()) {
      if (offset <= kAfterOwnValue) handle.earlier.clear();
      handle.earlier.insert_or_assign(given.back().first, given.back().second);
      handle.recent = std::make_shared<const DirectoryPositions::Answer>(std::move(given));
      positions_.gave(directory, handle.recent);
    }
    return {};
  });
}

}  // namespace kvfs
