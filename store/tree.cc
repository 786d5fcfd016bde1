#include "store/tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include "store/acl.h"
#include "store/byte_order.h"
#include "store/tree_rows.h"

namespace kvfs {

Result<Entry> find_entry(const ReadTxn& txn, const Slot& slot) {
  std::optional<Entry> entry = rows::load(txn.rows(), slot);
  if (!entry || entry->expired(txn.now_ms())) return Errc::not_found;
  return *entry;
}

Result<Found> find_name(const ReadTxn& txn, DirId dir, std::string_view component) {
  // Values are far more frequent than directories; only a shadowed one has a directory beside it.
  Slot slot{dir, component, false};
  std::optional<Entry> value = rows::load(txn.rows(), slot);
  if (value && !value->shadowed && !value->expired(txn.now_ms())) return Found{slot, *value};
  slot.directory = true;
  std::optional<Entry> directory = rows::load(txn.rows(), slot);
  if (!directory) return Errc::not_found;
  return Found{slot, *directory};
}

Result<Located> find_inode(const ReadTxn& txn, Inode inode, const Slot& hint) {
  const auto at = [&](const Slot& slot) -> std::optional<Located> {
    if (slot.dir == 0) return std::nullopt;
    Result<Entry> entry = find_entry(txn, slot);
    if (!entry || entry->inode != inode) return std::nullopt;
    Located located{slot, std::string(slot.name), *entry};
    located.slot.name = {};
    return located;
  };
  std::optional<Located> located = at(hint);
  if (!located) {
    const auto [dir, name] = txn.runtime().held_slot(inode);
    located = at({dir, name, false});
  }
  if (!located) {
    if (const std::optional<Entry> entry = rows::load_inode(txn.rows(), inode))
      located = Located{{hint.dir, {}, false}, std::string(hint.name), *entry};
    if (located && located->entry.nlink == 0) located->slot.dir = 0;
  }
  if (!located) return Errc::stale;
  return std::move(*located);
}

Entry root_entry(const ReadTxn& txn) {
  if (const auto row = txn.rows().get(meta_row("root"))) {
    Result<Entry> entry = decode_entry(*row);
    if (!entry) throw StoreException(entry.error());
    return *entry;
  }
  Entry entry;
  entry.kind = Kind::directory;
  entry.inode = kRootDir;
  entry.mode = 0755;
  // Its owner may make tenants in the mount: who runs kvfs, which need not be root.
  entry.uid = ::geteuid();
  entry.gid = ::getegid();
  entry.nlink = 2;
  return entry;
}

namespace {

DirPathPtr root_path() {
  static const DirPathPtr root = [] {
    auto path = std::make_shared<DirPath>();
    path->id = kRootDir;
    path->uid = ::geteuid();  // of tenants that other doors make
    path->gid = ::getegid();
    return path;
  }();
  return root;
}

/// A directory on the way up to one whose path is known.
struct Step {
  DirId dir;
  DirId parent;
  std::string name;
};

/// Makes of the path of `step.parent` that of `step.dir`.
void descend(const ReadTxn& txn, DirPath& path, const Step& step) {
  const std::optional<Entry> entry = rows::load(txn.rows(), {step.parent, step.name, true});
  if (!entry || entry->inode != step.dir)
    throw StoreException({Errc::corrupt, fmt::format("directory {} is not where its parent row says", step.dir)});
  path.id = step.dir;
  path.parent = step.parent;
  path.name = step.name;
  path.depth += 1;
  if (path.depth == 1) {
    path.tenant = step.dir;
    path.tenant_name = step.name;
  } else if (path.depth == 2) {
    path.collection = step.dir;
    path.collection_name = step.name;
  } else {
    path.key_prefix.append(step.name).push_back('/');
  }
  path.mode = entry->mode;
  path.uid = entry->uid;
  path.gid = entry->gid;
  path.default_acl = Xattrs::find(entry->xattrs, kDefaultAclName).value_or(std::string_view());
  if (entry->default_ttl_ms != 0) path.default_ttl_ms = entry->default_ttl_ms;
}

/// The steps from `dir` up to a directory whose path is known, which becomes `known`.
Result<std::vector<Step>> steps_up(const ReadTxn& txn, DirId dir, DirPathPtr& known) {
  std::vector<Step> steps;
  for (size_t bytes = 0; known == nullptr;) {
    const auto row = txn.rows().get(parent_row(dir));
    if (!row || row->size() < sizeof(DirId)) return {Errc::stale, "the directory no longer exists"};
    steps.push_back({dir, load_be64(row->data()), std::string(row->substr(sizeof(DirId)))});
    bytes += steps.back().name.size() + 1;
    if (bytes > kDirectoryPathBytesMax + kTenantNameBytesMax + kCollectionNameBytesMax)
      return {Errc::key_too_long, fmt::format("the directory's path is longer than {} bytes", kDirectoryPathBytesMax)};
    dir = steps.back().parent;
    known = dir == kRootDir ? root_path() : txn.may_use_caches() ? txn.runtime().cached_path(dir) : nullptr;
  }
  return steps;
}

}  // namespace

Result<DirPathPtr> dir_path(const ReadTxn& txn, DirId dir) {
  if (dir == kRootDir) return root_path();
  const bool cached = txn.may_use_caches();
  if (cached) {
    DirPathPtr& last = txn.last_path();
    if (last != nullptr && last->id == dir) return last;
    if (DirPathPtr path = txn.runtime().cached_path(dir)) return last = std::move(path);
  }
  // Not by recursion: renames of directories that have others below make trees that are deeper than any key is long.
  DirPathPtr known;
  Result<std::vector<Step>> steps = steps_up(txn, dir, known);
  if (!steps) return steps.error();
  const auto path = std::make_shared<DirPath>(*known);
  for (auto step = steps->rbegin(); step != steps->rend(); ++step) {
    descend(txn, *path, *step);
    if (path->key_prefix.size() > kDirectoryPathBytesMax)
      return {Errc::key_too_long, fmt::format("the directory's path is longer than {} bytes", kDirectoryPathBytesMax)};
    const bool short_enough = path->key_prefix.size() <= kKeyBytesMax;
    if (cached && short_enough && path->id != dir)
      txn.runtime().cache_path(std::make_shared<DirPath>(*path), txn.cache_generation());
  }
  if (cached) txn.runtime().cache_path(path, txn.cache_generation());
  return DirPathPtr(path);
}

Result<Found> own_value(const ReadTxn& txn, DirId dir) {
  const Result<DirPathPtr> path = dir_path(txn, dir);
  if (!path) return path.error();
  if ((*path)->depth < 3) return Errc::not_found;
  // The slot's name must outlive this call: it is taken from the path, which the caches may drop; so from the row.
  const auto row = txn.rows().get(parent_row(dir));
  if (!row) return Errc::not_found;
  const Slot slot{(*path)->parent, row->substr(8), false};
  Result<Entry> entry = find_entry(txn, slot);
  if (!entry) return entry.error();
  return Found{slot, *entry};
}

DirectoryCursor::DirectoryCursor(const ReadTxn& txn, DirId dir, std::optional<std::string_view> after)
    : txn_(txn), prefix_(dirent_prefix(dir)), cursor_(txn.rows().cursor()) {
  std::string from = prefix_;
  if (after) from.append(*after).push_back('\0');
  cursor_->keep_to(prefix_);
  cursor_->seek(from);
  settle();
}

std::string DirectoryCursor::position() const {
  std::string position(slot_.name);
  if (slot_.directory) position.push_back('/');
  return position;
}

void DirectoryCursor::next() {
  cursor_->next();
  settle();
}

void DirectoryCursor::settle() {
  for (; cursor_->valid() && cursor_->key().starts_with(prefix_); cursor_->next()) {
    const Result<Slot> slot = parse_dirent_row(cursor_->key());
    if (!slot) throw StoreException(slot.error());
    slot_ = *slot;
    Result<Entry> entry = decode_entry(cursor_->value());
    if (!entry) throw StoreException(entry.error());
    entry_ = *entry;
    if (entry_.shadowed && !slot_.directory) continue;
    if (entry_.expired(txn_.now_ms())) continue;
    if (entry_.kind == Kind::link) {
      const std::optional<Entry> linked = rows::load_inode(txn_.rows(), entry_.inode);
      if (!linked)
        throw StoreException({Errc::corrupt, fmt::format("a hard link to inode {}, which has no row", entry_.inode)});
      entry_ = *linked;
    }
    valid_ = true;
    return;
  }
  valid_ = false;
}

bool is_empty_directory(const ReadTxn& txn, DirId dir) { return !DirectoryCursor(txn, dir, std::nullopt).valid(); }

}  // namespace kvfs
