// What all requests share: from file names and inode numbers to rows, and from entries to nodes.
#include "fusefs/filesystem.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"
#include "store/inode_search.h"

namespace kvfs {
namespace {

std::vector<ControlFile> joined(std::vector<ControlFile> first, const std::vector<ControlFile>& second) {
  for (const ControlFile& file : second) first.push_back(file);
  return first;
}

bool stands_there(const ReadTxn& txn, const Located& located) {
  if (located.slot.dir == 0) return false;
  const auto entry = find_entry(txn, {located.slot.dir, located.name, false});
  return entry && entry->inode == located.entry.inode;
}

}  // namespace

Filesystem::Filesystem(Store& store, FilesystemOptions options)
    : store_(store),
      options_(std::move(options)),
      origin_(store.new_origin()),
      open_files_(store.chunks(), options_.staging),
      own_snapshots_(options_.snapshots == nullptr ? std::make_unique<Snapshots>(store) : nullptr),
      snapshots_(options_.snapshots == nullptr ? own_snapshots_.get() : options_.snapshots),
      control_(joined(own_control_files(), options_.control_files)),
      control_tree_(control_subtrees()) {}

Filesystem::~Filesystem() = default;

Result<void> Filesystem::check_live(Inode node) {
  if (is_in_snapshot(node)) return Error{Errc::read_only, "snapshots do not change"};
  return {};
}

bool Filesystem::holds_control_dir(const ReadTxn& txn, Inode directory) const {
  if (is_in_snapshot(directory)) return false;
  if (directory == kRootDir) return true;
  const auto path = dir_path(txn, directory);
  return path && (*path)->depth == 1;
}

Result<Filesystem::Target> Filesystem::target(Inode parent, std::string_view name) const {
  if (is_control(parent)) return Error{Errc::not_permitted, ".kvfs holds the files that kvfs makes and no others"};
  Target target{inode_in_view(parent), {}, name == kOwnValueName};
  if (target.own_value) return target;
  std::string buffer;
  const auto component = to_component(name, buffer);
  if (!component) return component.error();
  if (component->size() > kComponentBytesMax) return Errc::name_too_long;
  target.component = *component;
  return target;
}

Result<Found> Filesystem::find(const ReadTxn& txn, const Target& target) const {
  return target.own_value ? own_value(txn, target.dir) : find_name(txn, target.dir, target.component);
}

Result<Located> Filesystem::locate(const ReadTxn& txn, Inode node) const {
  const Inode inode = inode_in_view(node);
  if (inode == kRootDir) return Located{{}, {}, root_entry(txn)};
  const auto place = nodes_.place(node);
  auto located = find_inode(txn, inode, place ? place->slot() : Slot{});
  // A file with several names is found without any, but what changes it must know a directory where it is.
  if (located && located->entry.by_inode && located->entry.nlink > 0 && !stands_there(txn, *located)) {
    auto elsewhere = locate_by_another_name(txn, node);
    return elsewhere ? std::move(elsewhere) : std::move(located);
  }
  if (located || !place || !place->directory) return located;
  // A directory that was renamed by somebody else.
  const auto path = dir_path(txn, inode);
  if (!path) return Errc::stale;
  return find_inode(txn, inode, {(*path)->parent, (*path)->name, true});
}

Result<Located> Filesystem::locate_by_another_name(const ReadTxn& txn, Inode node) const {
  const Inode inode = inode_in_view(node);
  for (const Place& other : nodes_.other_places(node)) {
    auto located = find_inode(txn, inode, other.slot());
    if (!located || !stands_there(txn, *located)) continue;
    nodes_.move(node, other.slot());
    return located;
  }
  before_blocking();
  auto found = search_inode(txn, inode);
  if (found) nodes_.move(node, {found->slot.dir, found->name, false});
  return found;
}

Node Filesystem::to_node(const ReadTxn& txn, const Entry& entry, Inode view) const {
  Node node{view | entry.inode, to_stat(txn, entry), options_.entry_timeout_s, options_.attribute_timeout_s};
  node.attributes.st_ino = node.inode;
  show_as_told(node.attributes);
  if (view != 0) return node;
  if (const auto read_ns = access_times_.find(entry.inode); read_ns && *read_ns > entry.atime_ns)
    node.attributes.st_atim = to_timespec(*read_ns);
  if (entry.type != ValueType::bytes) node.attribute_timeout_s = 0;  // its text is not what was written
  if (entry.expires_ms != 0) {
    const double left_s =
        entry.expires_ms > txn.now_ms() ? static_cast<double>(entry.expires_ms - txn.now_ms()) / 1000 : 0;
    node.entry_timeout_s = std::min(node.entry_timeout_s, left_s);
    node.attribute_timeout_s = std::min(node.attribute_timeout_s, left_s);
  }
  if (entry.kind == Kind::file) {
    // In this order: what is staged is dropped only after its publication has been noted, so that one of both knows
    // what `txn` may be too old for.
    if (!apply_staged(entry, node)) published_.apply(entry.version, node.attributes);
  }
  return node;
}

void Filesystem::show_as_told(struct stat& st) const {
  if (options_.shown_uid) st.st_uid = *options_.shown_uid;
  if (options_.shown_gid) st.st_gid = *options_.shown_gid;
  if (options_.shown_umask && !S_ISLNK(st.st_mode))
    st.st_mode = (st.st_mode & ~mode_t{0777}) | (0777 & ~*options_.shown_umask);
}

bool Filesystem::has_staged_bytes(Inode inode) const {
  if (open_files_.gauge().dirty_files.load(std::memory_order_acquire) == 0) return false;
  const auto file = open_files_.find(inode);
  if (!file) return false;
  const std::shared_lock lock(file->mutex);
  return file->overlay.dirty();
}

bool Filesystem::apply_staged(const Entry& entry, Node& node) const {
  struct stat& st = node.attributes;
  if (open_files_.gauge().dirty_files.load(std::memory_order_acquire) == 0) return false;
  const auto file = open_files_.find(st.st_ino);
  if (!file) return false;
  const std::shared_lock lock(file->mutex);
  if (!file->overlay.dirty()) return false;
  st.st_size = static_cast<off_t>(file->overlay.size());
  const auto bytes = file->overlay.bytes_when_published(entry.bytes_charged());
  st.st_blocks =
      static_cast<blkcnt_t>((bytes.value_or(entry.bytes_charged() + file->overlay.staged_bytes()) + 511) / 512);
  if (!bytes) node.attribute_timeout_s = 0;  // the kernel does not ask again when it is published
  st.st_mtim = to_timespec(file->mtime_ns.value_or(file->changed_ns));
  st.st_ctim =
      std::max(to_ns(st.st_ctim), file->changed_ns) == file->changed_ns ? to_timespec(file->changed_ns) : st.st_ctim;
  st.st_mode &= ~mode_t{file->clears_mode};
  return true;
}

void Filesystem::remember(Node& node, const Slot& slot, uint64_t seen_change) {
  removed_nodes_.drop(node.inode);  // it was in the trash
  const bool fresh = nodes_.remember(node.inode, slot);
  // What the kernel did not know is not invalidated: if something changed since the node was read, nobody may have
  // told the kernel, so it must ask again.
  if (fresh && store_.feed().last() != seen_change) node.entry_timeout_s = node.attribute_timeout_s = 0;
}

void Filesystem::hold_special(const Node& node, const Slot& slot) {
  const mode_t mode = node.attributes.st_mode;
  if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || is_in_snapshot(node.inode)) return;
  if (held_nodes_.add(node.inode)) store_.hold_inode(node.inode, slot);
}

void Filesystem::forget_live(Inode inode, uint64_t lookups) {
  const auto place = forgotten_.wanted() ? nodes_.place(inode) : std::nullopt;
  if (!nodes_.forget(inode, lookups)) return;
  removed_nodes_.drop(inode);
  if (place && place->dir != 0) forgotten_.add(inode, *place);
  if (held_nodes_.drop(inode)) store_.release_inode(inode);
}

DirId Filesystem::tenant_of(Inode node) const {
  if (is_in_subtree(node)) {
    const auto member = control_tree_.find(node);
    return member ? member->place.tenant : 0;
  }
  if (is_control(node)) return ControlDir::parent_of(node) == kRootDir ? 0 : ControlDir::parent_of(node);
  if (inode_in_view(node) == kRootDir) return 0;
  const auto place = nodes_.place(node);
  return store_.read([&](const ReadTxn& txn) {
    auto path = dir_path(txn, inode_in_view(node));
    if (!path && place) path = dir_path(txn, place->dir);
    return path ? (*path)->tenant : DirId{0};
  });
}

void Filesystem::note_error(std::string_view request, const Error& error, Inode node, std::optional<uid_t> uid) {
  // Questions that are always answered so (ls asks for labels) say nothing.
  if (!error.detail.empty() && error.code != Errc::unsupported) last_errors_.add(tenant_of(node), uid, request, error);
}

std::string Filesystem::last_errors_for(DirId tenant, const Caller& reader) const {
  return store_.read([&](const ReadTxn& txn) {
    return last_errors_.text([&](DirId of, std::optional<uid_t> uid) {
      if (tenant != 0 && of != tenant) return false;
      if (reader.uid == 0 || reader.uid == geteuid() || uid == reader.uid) return true;
      const auto path = of == 0 ? Result<DirPathPtr>(Errc::not_found) : dir_path(txn, of);
      return path && (*path)->uid == reader.uid;
    });
  });
}

void Filesystem::publish_all() {
  open_files_.for_each([&](const std::shared_ptr<OpenFile>& file) {
    const std::unique_lock lock(file->mutex);
    if (const auto done = publish(*file, false); !done) {
      spdlog::error("mount: cannot publish inode {}: {}", file->inode, done.error().message());
      note_error("unmount", done.error(), file->inode);
    }
  });
  write_access_times();
}

}  // namespace kvfs
