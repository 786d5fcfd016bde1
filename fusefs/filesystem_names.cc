// Requests about names: lookup, making, removing, renaming.
#include <cerrno>
#include <utility>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"
#include "fusefs/filesystem.h"
#include "store/inode_search.h"

namespace kvfs {

Result<Node> Filesystem::lookup(Inode parent, std::string_view name) {
  if (is_control(parent)) return lookup_control(parent, name);
  if (name == kControlDirName && store_.read([&](const ReadTxn& txn) { return holds_control_dir(txn, parent); })) {
    const Inode inode = ControlDir::directory_in(parent);
    nodes_.remember(inode, {});
    return control_node(inode, *control_attributes(inode));
  }
  const uint64_t seen = store_.feed().last();
  const Inode view = view_of(parent);
  if (name == "." || name == "..") return lookup_again(parent, name == "..");
  const auto target = this->target(parent, name);
  if (!target) return target.error();
  return read_in(parent, [&](const ReadTxn& txn) -> Result<Node> {
    const auto found = find(txn, *target);
    if (!found) {
      if (found.error().code != Errc::not_found) return found.error();
      return Node{0, {}, options_.negative_timeout_s, 0};
    }
    Node node = to_node(txn, found->entry, view);
    remember(node, found->slot, seen);
    hold_special(node, found->slot);
    return node;
  });
}

Result<Located> Filesystem::locate_again(const ReadTxn& txn, Inode node) {
  const Inode inode = inode_in_view(node);
  if (const auto path = dir_path(txn, inode)) return find_inode(txn, inode, {(*path)->parent, (*path)->name, true});
  auto place = nodes_.place(node);
  if (!place) place = forgotten_.find(node);
  if (place && place->dir == 0) return Errc::stale;
  const auto located = find_inode(txn, inode, place ? place->slot() : Slot{});
  if (located && (located->slot.dir != 0 || located->entry.nlink == 0)) return located;
  before_blocking();
  auto found = search_inode(txn, inode);
  if (!found) forgotten_.add(node, {});
  return found;
}

Result<Node> Filesystem::lookup_again(Inode node, bool parent) {
  forgotten_.begin();
  const uint64_t seen = store_.feed().last();
  const Inode view = view_of(node);
  return read_in(node, [&](const ReadTxn& txn) -> Result<Node> {
    Inode wanted = inode_in_view(node);
    if (parent) {
      const auto path = dir_path(txn, wanted);
      if (!path) return path.error();
      wanted = (*path)->parent == 0 ? kRootDir : (*path)->parent;
    }
    if (wanted == kRootDir) {
      nodes_.remember(view | kRootDir, {});
      return to_node(txn, root_entry(txn), view);
    }
    const auto located = locate_again(txn, view | wanted);
    if (!located) return located.error();
    Node found = to_node(txn, located->entry, view);
    const Slot slot{located->slot.dir, located->name, located->slot.directory};
    remember(found, slot, seen);
    hold_special(found, slot);
    return found;
  });
}

void Filesystem::forget(Inode inode, uint64_t lookups) {
  if (is_in_subtree(inode)) return control_tree_.forget(inode, lookups);
  forget_live(inode, lookups);
}

Result<Entry> Filesystem::make_own_value(WriteTxn& txn, Inode directory, const NewNode& node) const {
  const auto path = dir_path(txn, directory);
  if (!path) return path.error();
  if (node.kind != Kind::file || (*path)->depth < 3)
    return Error{Errc::not_permitted, "%:value is the value of a directory below a collection, and can only be a file"};
  std::string_view key = (*path)->key_prefix;
  key.remove_suffix(1);
  PutOptions absent;
  absent.precondition.if_absent = true;
  const auto put = kvfs::put(txn, (*path)->collection, key, std::string_view(), absent);
  if (!put) return put.error().code == Errc::precondition_failed ? Error{Errc::exists, {}} : put.error();
  const auto found = own_value(txn, directory);
  if (!found) return found.error();
  AttributeChange change;
  change.mode = node.mode & ~node.umask;
  change.uid = node.uid;
  change.gid = node.gid;
  Located located{found->slot, std::string(found->slot.name), found->entry};
  return kvfs::set_attributes(txn, located, change);
}

Result<Node> Filesystem::make(Inode parent, std::string_view name, const NewNode& node) {
  if (auto live = check_live(parent); !live) return live.error();
  const auto target = this->target(parent, name);
  if (!target) return target.error();
  if (name == kControlDirName && store_.read([&](const ReadTxn& txn) { return holds_control_dir(txn, parent); }))
    return Errc::exists;
  auto made = store_.write(
      [&](WriteTxn& txn) -> Result<Node> {
        const auto entry =
            target->own_value ? make_own_value(txn, parent, node) : make_node(txn, parent, target->component, node);
        if (!entry) return entry.error();
        return to_node(txn, *entry);
      },
      write_options());
  if (!made) return made;
  if (target->own_value) {
    const auto place = store_.read([&](const ReadTxn& txn) -> Place {
      const auto found = own_value(txn, parent);
      return found ? Place{found->slot.dir, std::string(found->slot.name), false} : Place{};
    });
    nodes_.remember(made->inode, place.slot());
  } else {
    const Slot slot{target->dir, target->component, node.kind == Kind::directory};
    nodes_.remember(made->inode, slot);
    hold_special(*made, slot);
  }
  return made;
}

Result<Node> Filesystem::make_directory(Inode parent, std::string_view name, mode_t mode, Caller caller) {
  if (is_control(parent)) return make_control_directory(parent, name, mode & ~caller.umask, caller);
  NewNode node;
  node.kind = Kind::directory;
  node.mode = mode & kModeMask;
  node.umask = caller.umask;
  node.uid = caller.uid;
  node.gid = caller.gid;
  return make(parent, name, node);
}

Result<Node> Filesystem::make_special(Inode parent, std::string_view name, mode_t mode, dev_t rdev, Caller caller) {
  const auto kind = kind_of(mode);
  if (!kind) return kind.error();
  NewNode node;
  node.kind = *kind;
  node.mode = mode & kModeMask;
  node.umask = caller.umask;
  node.uid = caller.uid;
  node.gid = caller.gid;
  node.rdev = static_cast<uint32_t>(rdev);
  if (is_control(parent)) return make_control_special(parent, name, node);
  return make(parent, name, node);
}

Result<Node> Filesystem::make_symlink(Inode parent, std::string_view name, std::string_view target, Caller caller) {
  NewNode node;
  node.kind = Kind::symlink;
  node.mode = 0777;
  node.uid = caller.uid;
  node.gid = caller.gid;
  node.target = target;
  if (is_control(parent)) return make_control_special(parent, name, node);
  return make(parent, name, node);
}

Result<std::string> Filesystem::read_symlink(Inode inode) {
  write_access_times_if_overdue();
  if (is_control(inode)) return read_control_symlink(inode);
  if (const auto removed = removed_nodes_.find(inode); removed && S_ISLNK(removed->st.st_mode)) return removed->target;
  return read_in(inode, [&](const ReadTxn& txn) -> Result<std::string> {
    const auto located = locate(txn, inode);
    if (!located) return located.error();
    if (located->entry.kind != Kind::symlink) return Errc::invalid;
    if (!is_in_snapshot(inode)) note_read(*located);
    return std::string(located->entry.inline_value);
  });
}

Result<Node> Filesystem::make_link(Inode inode, Inode new_parent, std::string_view new_name) {
  if (is_control(inode) || is_control(new_parent))
    return Error{Errc::not_permitted,
                 "nothing below .kvfs has a second name; link files once a transaction is committed"};
  if (is_in_snapshot(inode) || is_in_snapshot(new_parent)) return Errc::cross_tenant;
  const auto target = this->target(new_parent, new_name);
  if (!target) return target.error();
  const auto linked = store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        if (target->own_value) return Error{Errc::not_permitted, "%:value cannot be a hard link"};
        const auto located = locate(txn, inode);
        if (!located) return located.error();
        const auto entry = kvfs::link(txn, *located, target->dir, target->component);
        if (!entry) return entry.error();
        return {};
      },
      write_options());
  if (!linked) return linked.error();
  // Not within the transaction: what is staged is asked for, and who publishes it waits for the transaction's end.
  const Slot slot{target->dir, target->component, false};
  const auto node = store_.read([&](const ReadTxn& txn) -> Result<Node> {
    const auto located = find_inode(txn, inode, slot);
    if (!located) return located.error();
    return to_node(txn, located->entry);
  });
  if (node) nodes_.remember(node->inode, slot);
  return node;
}

Result<void> Filesystem::keep_directory(WriteTxn& txn, Inode directory) {
  if (directory == kRootDir) return {};
  const auto located = locate(txn, directory);
  if (!located) return located.error();
  if (!located->entry.implicit) return {};
  AttributeChange nothing;
  nothing.keeps_version = nothing.keeps_ctime = true;
  const auto kept = kvfs::set_attributes(txn, *located, nothing);
  if (!kept) return kept.error();
  return {};
}

Result<void> Filesystem::unlink(Inode parent, std::string_view name) {
  if (is_control(parent)) return remove_control(parent, name, false);
  if (auto live = check_live(parent); !live) return live;
  const auto target = this->target(parent, name);
  if (!target) return target.error();
  Removed removed(store_);
  auto done = store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        note_removals(txn, removed);
        if (auto kept = keep_directory(txn, target->dir); !kept) return kept;
        if (!target->own_value) return kvfs::unlink(txn, {target->dir, target->component, false});
        const auto found = own_value(txn, target->dir);
        if (!found) return found.error();
        const std::string component(found->slot.name);
        return kvfs::unlink(txn, {found->slot.dir, component, false});
      },
      write_options());
  if (!done) return done;
  keep_removed(removed);
  positions_.removed(target->dir, target->component);
  return done;
}

Result<void> Filesystem::remove_directory(Inode parent, std::string_view name) {
  if (is_control(parent)) return remove_control(parent, name, true);
  if (auto live = check_live(parent); !live) return live;
  const auto target = this->target(parent, name);
  if (!target) return target.error();
  if (target->own_value) return Errc::not_directory;
  Removed removed(store_);
  const auto done = store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        note_removals(txn, removed);
        if (auto kept = keep_directory(txn, target->dir); !kept) return kept.error();
        return kvfs::remove_directory(txn, target->dir, target->component);
      },
      write_options());
  if (!done) return done;
  positions_.removed(target->dir, target->component + "/");
  keep_removed(removed);
  return {};
}

namespace {

struct Row {
  DirId dir = 0;
  std::string name;
  Slot slot() const { return {dir, name, false}; }
};

RenameMode mode_of(RenameFlag flag) {
  switch (flag) {
    case RenameFlag::none:
      return RenameMode::replace;
    case RenameFlag::no_replace:
      return RenameMode::no_replace;
    case RenameFlag::exchange:
      return RenameMode::exchange;
  }
  return RenameMode::replace;
}

}  // namespace

Result<void> Filesystem::leave_whiteout(WriteTxn& txn, const Target& at, const Caller& owner) {
  if (at.own_value) return Error{Errc::invalid, "%:value leaves no whiteout"};
  if (find(txn, at)) return {};  // two names of one file: nothing has moved
  NewNode node;
  node.kind = Kind::char_device;
  node.mode = 0;
  node.uid = owner.uid;
  node.gid = owner.gid;
  const auto made = make_node(txn, at.dir, at.component, node);
  if (!made) return made.error();
  return {};
}

Result<void> Filesystem::rename(Inode parent, std::string_view name, Inode new_parent, std::string_view new_name,
                                RenameFlag flag, const Caller* whiteout_of) {
  if (whiteout_of != nullptr && (is_control(parent) || is_control(new_parent)))
    return Error{Errc::invalid, "nothing below .kvfs leaves a whiteout"};
  if (is_control(parent) || is_control(new_parent)) return rename_control(parent, name, new_parent, new_name, flag);
  if (is_in_snapshot(parent) || is_in_snapshot(new_parent))
    return view_of(parent) == view_of(new_parent) ? check_live(parent) : Errc::cross_tenant;
  const auto from = target(parent, name);
  if (!from) return from.error();
  const auto to = target(new_parent, new_name);
  if (!to) return to.error();
  struct Moved {
    Inode inode = 0;
    bool directory = false;
    Row to;
    Inode other = 0;  // exchange: what went the other way
    bool other_directory = false;
    Row from;
    Inode own_value = 0;  // of a directory that moved
  };
  Removed replaced(store_);
  const std::shared_lock replaces(replacing_);
  const auto row_of = [](const ReadTxn& txn, const Target& target) -> Result<Row> {
    if (!target.own_value) return Row{target.dir, target.component};
    const auto path = dir_path(txn, target.dir);
    if (!path || (*path)->depth < 3)
      return Error{Errc::not_permitted, "%:value exists only in directories below a collection"};
    return Row{(*path)->parent, (*path)->name};
  };
  const auto moved = store_.write(
      [&](WriteTxn& txn) -> Result<Moved> {
        note_removals(txn, replaced, true);
        const auto from_row = row_of(txn, *from);
        if (!from_row) return from_row.error();
        const auto to_row = row_of(txn, *to);
        if (!to_row) return to_row.error();
        if (auto kept = keep_directory(txn, from->dir); !kept) return kept.error();
        Moved result{0, false, *to_row, 0, false, *from_row};
        if (flag == RenameFlag::exchange) {
          const auto other = find(txn, *to);
          if (!other) return other.error();
          result.other = other->entry.inode;
          result.other_directory = other->slot.directory;
        } else if (const auto old = find(txn, *to); old && old->entry.chunked && nodes_.knows(old->entry.inode)) {
          replaced.hold(old->entry.inode, old->slot);  // a large value stays until the kernel has forgotten it
        }
        const bool values_only = from->own_value || to->own_value;
        if (values_only)
          if (const auto source = find(txn, *from); source && source->slot.directory)
            return Error{Errc::is_directory, "%:value cannot be a directory"};
        const auto done = values_only ? rename_value(txn, from_row->slot(), to_row->slot(), mode_of(flag))
                                      : kvfs::rename(txn, from_row->slot(), to_row->slot(), mode_of(flag));
        if (!done) return done.error();
        result.inode = done->inode;
        result.directory = done->directory;
        if (whiteout_of != nullptr)
          if (auto left = leave_whiteout(txn, *from, *whiteout_of); !left) return left.error();
        if (result.directory)
          if (const auto own = own_value(txn, result.inode)) result.own_value = own->entry.inode;
        return result;
      },
      write_options());
  if (!moved) return moved.error();
  keep_removed(replaced);
  if (flag != RenameFlag::exchange)
    positions_.removed(from->dir, moved->directory ? from->component + "/" : from->component);
  nodes_.move(moved->inode, {moved->to.dir, moved->to.name, moved->directory});
  if (moved->own_value != 0) nodes_.move(moved->own_value, moved->to.slot());
  if (moved->other != 0) nodes_.move(moved->other, {moved->from.dir, moved->from.name, moved->other_directory});
  return {};
}

}  // namespace kvfs
