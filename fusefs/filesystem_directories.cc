// Requests about directories: opendir, readdir, readdirplus.
#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"
#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

// Offsets: what follows ".", "..", "%:value", and then one more for each entry.
constexpr uint64_t kAfterDot = 1;
constexpr uint64_t kAfterDotDot = 2;
constexpr uint64_t kAfterOwnValue = 3;

/// Where to go on: after the entry at `position` (a DirectoryCursor position; none: from the start), and then `skip`
/// entries further.
struct Resume {
  std::optional<std::string> position;
  uint64_t skip = 0;
};

/// REQUIRES: handle.mutex is held, offset >= kAfterOwnValue.
Resume resume_at(const DirectoryHandle& handle, uint64_t offset) {
  if (offset == kAfterOwnValue) return {};
  if (offset >= handle.recent_first && offset - handle.recent_first < handle.recent.size())
    return {handle.recent[offset - handle.recent_first], 0};
  // seekdir(3) to an answer before the last one: its end is known, what lies between is counted.
  const auto after = handle.earlier.upper_bound(offset);
  if (after == handle.earlier.begin()) return {std::nullopt, offset - kAfterOwnValue};
  const auto& [known, position] = *std::prev(after);
  return {position, offset - known};
}

}  // namespace

Result<std::unique_ptr<DirectoryHandle>> Filesystem::open_directory(Inode inode) {
  write_access_times_if_overdue();
  auto handle = std::make_unique<DirectoryHandle>();
  handle->inode = inode;
  return handle;
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
    return list_control(handle, offset > kAfterDotDot ? offset - kAfterDotDot : 0, kAfterDotDot, with_nodes, sink);
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
      if (!taken && !known) nodes_.forget(node.inode, 1);
      return taken;
    };
    if (offset < kAfterOwnValue) {
      const auto own = own_value(txn, directory);
      if (own && !give(kOwnValueName, own->slot, own->entry, kAfterOwnValue)) return {};
    }
    uint64_t at = std::max(offset, kAfterOwnValue);
    Resume resume = resume_at(handle, at);
    DirectoryCursor cursor(txn, directory, resume.position);
    for (; resume.skip > 0 && cursor.valid(); resume.skip--) cursor.next();
    std::vector<std::string> given;
    const uint64_t first = at + 1;
    std::string escaped;
    for (; cursor.valid(); cursor.next()) {
      std::string_view name = cursor.component();
      if (name.empty() || name[0] == '.' || name[0] == '%' || name.find('\0') != std::string_view::npos) {
        escaped = to_file_name(name);
        name = escaped;
      }
      if (!give(name, cursor.slot(), cursor.entry(), at + 1)) break;
      at++;
      given.push_back(cursor.position());
    }
    if (!given.empty()) {
      if (offset <= kAfterOwnValue) handle.earlier.clear();
      handle.earlier.insert_or_assign(at, given.back());
      handle.recent_first = first;
      handle.recent = std::move(given);
    }
    return {};
  });
}

}  // namespace kvfs
