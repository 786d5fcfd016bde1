// Requests about control directories: to the files that are there always, to snapshots, to the subtrees.
#include <fcntl.h>
#include <unistd.h>

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

OpenedFile opened_control(std::unique_ptr<ControlHandle> handle, int flags) {
  OpenedFile opened;
  opened.handle = std::make_unique<FileHandle>();
  opened.handle->flags = flags;
  opened.handle->control = std::move(handle);
  opened.direct_io = true;  // what it holds changes without the kernel's knowledge
  return opened;
}

Error refused() { return {Errc::not_permitted, ".kvfs holds the files that kvfs makes and no others"}; }

}  // namespace

void Filesystem::set_control_owner(struct stat& st, DirId tenant) const {
  // A tenant's owner commands what is in its control directory.
  st.st_uid = geteuid();
  st.st_gid = getegid();
  if (tenant != 0) {
    store_.read([&](const ReadTxn& txn) {
      if (const auto path = dir_path(txn, tenant)) {
        st.st_uid = (*path)->uid;
        st.st_gid = (*path)->gid;
      }
      return true;
    });
  }
}

Result<struct stat> Filesystem::member_attributes(const ControlTree::Member& member, Inode inode) const {
  auto st = member.subtree->attributes(member.place);
  if (!st) return st;
  st->st_ino = inode;
  st->st_blksize = 4096;
  if (!member.subtree->has_owners()) set_control_owner(*st, member.place.tenant);
  show_as_told(*st);
  return st;
}

Result<struct stat> Filesystem::control_attributes(Inode inode) const {
  if (is_in_subtree(inode)) {
    const auto member = control_tree_.find(inode);
    if (!member) return member.error();
    return member_attributes(*member, inode);
  }
  auto st = control_.attributes(inode);
  if (st) {
    set_control_owner(*st, tenant_of(inode));
    show_as_told(*st);
  }
  return st;
}

Node Filesystem::control_node(Inode inode, const struct stat& st) const {
  if (is_in_subtree(inode)) return {inode, st, 0, 0};  // they change at any time
  return {inode, st, options_.entry_timeout_s, options_.attribute_timeout_s};
}

Result<Node> Filesystem::member_node(const ControlTree::Member& member) {
  auto st = member_attributes(member, 0);
  if (!st) return st.error();
  st->st_ino = control_tree_.remember(member);
  return control_node(st->st_ino, *st);
}

Result<ControlTree::Member> Filesystem::control_member(Inode directory, std::string_view name) const {
  if (name == "." || name == "..") return Errc::not_found;
  if (!is_in_subtree(directory)) {
    if ((directory & 0xff) != 0) return Errc::not_found;
    return control_tree_.find_root(tenant_of(directory), name);
  }
  const auto parent = control_tree_.find(directory);
  if (!parent) return parent.error();
  return ControlTree::Member{parent->subtree, parent->place.child(name)};
}

Result<Node> Filesystem::lookup_control(Inode directory, std::string_view name) {
  if (!is_in_subtree(directory) && ControlDir::is_snapshots(directory)) return lookup_snapshot(directory, name);
  const auto inode = is_in_subtree(directory) ? Result<Inode>(Errc::not_found) : control_.lookup(directory, name);
  if (!inode) {
    const auto member = control_member(directory, name);
    if (!member) return member.error();
    return member_node(*member);
  }
  const auto st = control_attributes(*inode);
  if (!st) return st.error();
  nodes_.remember(*inode, {});
  return control_node(*inode, *st);
}

Result<Attributes> Filesystem::set_control_attributes(Inode inode, const AttributeRequest& request) {
  // `echo x > .kvfs/control` truncates: nothing to do but in transactions.
  if (is_in_subtree(inode)) {
    const auto member = control_tree_.find(inode);
    if (!member) return member.error();
    if (auto done = member->subtree->set_attributes(member->place, request); !done) return done.error();
  }
  return attributes(inode);
}

Result<OpenedFile> Filesystem::open_control(Inode inode, int flags, Caller caller) {
  if (is_in_subtree(inode)) {
    const auto member = control_tree_.find(inode);
    if (!member) return member.error();
    auto handle = member->subtree->open(member->place, flags, caller);
    if (!handle) return handle.error();
    return opened_control(std::move(*handle), flags);
  }
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && !control_.writable(inode)) return Errc::access_denied;
  auto text = control_.read(inode, caller);
  if (!text) return text.error();
  TextHandle::Take take;
  if (writes) take = [this, inode](std::string_view written) { return control_.write(inode, written); };
  return opened_control(std::make_unique<TextHandle>(std::move(*text), std::move(take)), flags);
}

Result<Filesystem::Created> Filesystem::create_control(Inode directory, std::string_view name, mode_t mode, int flags,
                                                       Caller caller) {
  if (!is_in_subtree(directory)) return refused();
  const auto member = control_member(directory, name);
  if (!member) return member.error();
  auto handle = member->subtree->create(member->place, mode, flags, caller);
  if (!handle) return handle.error();
  const auto node = member_node(*member);
  if (!node) return node.error();
  return Created{*node, opened_control(std::move(*handle), flags)};
}

Result<Node> Filesystem::make_control_directory(Inode parent, std::string_view name, mode_t mode, Caller caller) {
  if (!is_in_subtree(parent) && ControlDir::is_snapshots(parent)) return take_snapshot(parent, name);
  if (!is_in_subtree(parent)) return refused();
  const auto member = control_member(parent, name);
  if (!member) return member.error();
  if (auto made = member->subtree->make_directory(member->place, mode, caller); !made) return made.error();
  return member_node(*member);
}

Result<Node> Filesystem::make_control_special(Inode parent, std::string_view name, const NewNode& node) {
  if (!is_in_subtree(parent)) return refused();
  const auto member = control_member(parent, name);
  if (!member) return member.error();
  if (auto made = member->subtree->make_special(member->place, node); !made) return made.error();
  return member_node(*member);
}

Result<void> Filesystem::remove_control(Inode parent, std::string_view name, bool directory) {
  if (directory && !is_in_subtree(parent) && ControlDir::is_snapshots(parent)) return drop_snapshot(parent, name);
  if (!is_in_subtree(parent) && !directory) return refused();
  const auto member = control_member(parent, name);
  if (!member) return member.error();
  auto done = directory ? member->subtree->remove_directory(member->place) : member->subtree->unlink(member->place);
  if (done) control_tree_.end(member->place);
  return done;
}

Result<void> Filesystem::move_out_of_control(Inode parent, std::string_view name, Inode new_parent,
                                             std::string_view new_name, RenameFlag flag) {
  if (auto live = check_live(new_parent); !live) return live;
  const auto from = control_member(parent, name);
  if (!from) return from.error();
  const auto to = target(new_parent, new_name);
  if (!to) return to.error();
  if (to->own_value) return Errc::cross_tenant;
  // The kernel knows of it: it asks for the name again, since what it knew under it was not to be remembered.
  auto done = from->subtree->move_out(from->place, {to->dir, to->component, false}, flag == RenameFlag::no_replace,
                                      write_options());
  if (done) control_tree_.end(from->place);
  return done;
}

Result<void> Filesystem::rename_control(Inode parent, std::string_view name, Inode new_parent,
                                        std::string_view new_name, RenameFlag flag) {
  if (is_in_subtree(parent) && !is_control(new_parent) && flag != RenameFlag::exchange)
    return move_out_of_control(parent, name, new_parent, new_name, flag);
  // As between file systems: mv(1) copies.
  if (!is_control(parent) || !is_control(new_parent)) return Errc::cross_tenant;
  if (!is_in_subtree(parent) || !is_in_subtree(new_parent) || flag == RenameFlag::exchange) return refused();
  const auto from = control_member(parent, name);
  const auto to = control_member(new_parent, new_name);
  if (!from || !to) return from ? to.error() : from.error();
  if (from->subtree != to->subtree) return refused();
  const auto goes_on = from->subtree->rename(from->place, to->place, flag == RenameFlag::no_replace);
  if (!goes_on) return goes_on.error();
  if (*goes_on)
    control_tree_.move(from->place, to->place);
  else
    control_tree_.end(from->place);
  return {};
}

std::string Filesystem::control_name_before(const DirectoryHandle& handle, uint64_t offset) {
  if (offset <= kAfterDotDot) return {};
  if (handle.recent)
    for (const auto& [at, name] : *handle.recent)
      if (at == offset) return name;
  std::string before;  // unless it is found: rather a name twice than one never
  const auto directory = control_tree_.find(handle.inode);
  if (!directory) return before;
  (void)directory->subtree->list(directory->place, {}, [&](std::string_view name, const struct stat&) {
    if (directory_offset(name) != offset) return true;
    before = name;
    return false;
  });
  return before;
}

Result<void> Filesystem::list_control(DirectoryHandle& handle, uint64_t offset, bool with_nodes,
                                      const EntrySink& sink) {
  const auto give = [&](std::string_view name, const ControlTree::Member& member, uint64_t next) {
    Node node;
    if (with_nodes) {
      const auto made = member_node(member);
      if (!made) return true;  // it has gone
      node = *made;
    } else {
      const auto st = member_attributes(member, ControlTree::listed_number(member.place));
      if (!st) return true;
      node = control_node(st->st_ino, *st);
    }
    if (sink(name, node, next)) return true;
    if (with_nodes) control_tree_.forget(node.inode, 1);
    return false;
  };
  if (is_in_subtree(handle.inode)) {
    const auto directory = control_tree_.find(handle.inode);
    if (!directory) return directory.error();
    auto given = std::make_shared<DirectoryPositions::Answer>();
    const auto listed = directory->subtree->list(
        directory->place, control_name_before(handle, offset), [&](std::string_view name, const struct stat&) {
          const uint64_t next = directory_offset(name);
          if (!give(name, {directory->subtree, directory->place.child(name)}, next)) return false;
          given->emplace_back(next, name);
          return true;
        });
    if (!given->empty()) handle.recent = std::move(given);
    return listed;
  }
  const uint64_t first = offset > kAfterDotDot ? offset - kAfterDotDot : 0;
  const auto listed = control_.list(handle.inode);
  const auto roots = control_tree_.roots(tenant_of(handle.inode));
  for (uint64_t i = first; i < listed.size() + roots.size(); i++) {
    if (i >= listed.size()) {
      const auto& member = roots[i - listed.size()];
      if (!give(member.place.path, member, kAfterDotDot + i + 1)) return {};
      continue;
    }
    const auto st = control_attributes(listed[i].inode);
    if (!st) return st.error();
    if (!sink(listed[i].name, control_node(listed[i].inode, *st), kAfterDotDot + i + 1)) return {};
    if (with_nodes) nodes_.remember(listed[i].inode, {});
  }
  return {};
}

Result<std::string> Filesystem::get_control_xattr(Inode inode, std::string_view name) {
  if (!is_in_subtree(inode)) return Errc::no_attribute;
  const auto member = control_tree_.find(inode);
  if (!member) return member.error();
  return member->subtree->get_xattr(member->place, name);
}

Result<std::string> Filesystem::control_xattrs(Inode inode) {
  if (!is_in_subtree(inode)) return std::string();
  const auto member = control_tree_.find(inode);
  if (!member) return member.error();
  return member->subtree->xattrs(member->place);
}

Result<void> Filesystem::set_control_xattr(Inode inode, std::string_view name, std::string_view value, int flags) {
  if (!is_in_subtree(inode)) return Errc::not_permitted;
  const auto member = control_tree_.find(inode);
  if (!member) return member.error();
  return member->subtree->set_xattr(member->place, name, value, flags);
}

Result<void> Filesystem::remove_control_xattr(Inode inode, std::string_view name) {
  if (!is_in_subtree(inode)) return Errc::not_permitted;
  const auto member = control_tree_.find(inode);
  if (!member) return member.error();
  return member->subtree->remove_xattr(member->place, name);
}

Result<std::string> Filesystem::read_control_symlink(Inode inode) {
  if (!is_in_subtree(inode)) return Errc::invalid;
  const auto member = control_tree_.find(inode);
  if (!member) return member.error();
  return member->subtree->read_symlink(member->place);
}

}  // namespace kvfs
