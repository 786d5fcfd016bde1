#include "fusefs/staged_transaction.h"

#include <fmt/format.h>

#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"

namespace kvfs {
namespace {

size_t depth_of(std::string_view path) {
  return path.empty() ? 0 : static_cast<size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

}  // namespace

std::pair<std::string_view, std::string_view> split_path(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {std::string_view(), path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Result<DirId> StagedTransaction::live_directory(const ReadTxn& txn, std::string_view path) const {
  DirId at = root();
  std::string buffer;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const auto component = to_component(path.substr(0, slash), buffer);
    if (!component) return component.error();
    const auto entry = find_entry(txn, {at, *component, true});
    if (!entry) return entry.error();
    at = entry->inode;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return at;
}

Result<LiveName> StagedTransaction::live(const ReadTxn& txn, std::string_view path) const {
  const auto [above, name] = split_path(path);
  const auto directory = live_directory(txn, above);
  if (!directory) return directory.error();
  LiveName live;
  if (name == kOwnValueName) {
    const auto own = own_value(txn, *directory);
    if (!own) return own.error();
    live.component = own->slot.name;
    live.slot = {own->slot.dir, live.component, false};
    live.entry = own->entry;
    return live;
  }
  std::string buffer;
  const auto component = to_component(name, buffer);
  if (!component) return component.error();
  const auto found = find_name(txn, *directory, *component);
  if (!found) return found.error();
  live.component = *component;
  live.slot = {*directory, live.component, found->slot.directory};
  live.entry = found->entry;
  return live;
}

bool StagedTransaction::has_live_file(std::string_view path) const {
  return store_.read([&](const ReadTxn& txn) {
    const auto found = live(txn, path);
    return found && !found->slot.directory;
  });
}

Result<struct stat> StagedTransaction::look(const ReadTxn& txn, std::string_view path) const {
  struct stat st {};
  st.st_nlink = 1;
  st.st_blksize = 4096;
  const auto directory = directories.find(path);
  if (directory != directories.end() && !directory->second.removed) {
    st.st_mode = S_IFDIR | directory->second.mode;
    st.st_uid = directory->second.uid;
    st.st_gid = directory->second.gid;
    st.st_nlink = 2;
    return st;
  }
  auto found = live(txn, path);
  if (found && found->slot.directory) {
    if (directory == directories.end()) {
      st = to_stat(txn, found->entry);
      st.st_ino = 0;
      return st;
    }
    found = Errc::not_found;  // removed here
  }
  const auto staged = files.find(path);
  // What is made in place of something of another kind has nothing of it.
  if (staged != files.end() && staged->second->makes() && found &&
      (staged->second->is_special() || found->entry.kind != Kind::file))
    found = Errc::not_found;
  if (found) {
    st = to_stat(txn, found->entry);
    st.st_ino = 0;
  }
  if (staged == files.end()) return found ? Result<struct stat>(st) : Errc::not_found;
  const StagedFile& file = *staged->second;
  if (file.removed || (!file.makes() && !found)) return Errc::not_found;
  if (!found) st.st_mode = file_type(file.kind);
  if (file.is_special()) {
    st.st_size = static_cast<off_t>(file.link_target.size());
    st.st_rdev = file.rdev;
  }
  if (file.content) {
    st.st_size = static_cast<off_t>(file.content->size());
    st.st_blocks = std::max<blkcnt_t>(st.st_blocks, static_cast<blkcnt_t>((file.content->staged_bytes() + 511) / 512));
  }
  if (file.mode) st.st_mode = (st.st_mode & S_IFMT) | *file.mode;
  if (file.uid) st.st_uid = *file.uid;
  if (file.gid) st.st_gid = *file.gid;
  if (file.mtime_ns) st.st_mtim = st.st_ctim = to_timespec(*file.mtime_ns);
  return st;
}

Result<struct stat> StagedTransaction::look(std::string_view path) const {
  return store_.read([&](const ReadTxn& txn) { return look(txn, path); });
}

bool StagedTransaction::is_empty_directory(std::string_view path) const {
  const std::string prefix = std::string(path) + "/";
  for (auto at = directories.lower_bound(prefix); at != directories.end() && at->first.starts_with(prefix); ++at)
    if (!at->second.removed) return false;
  for (auto at = files.lower_bound(prefix); at != files.end() && at->first.starts_with(prefix); ++at)
    if (at->second->makes()) return false;
  return store_.read([&](const ReadTxn& txn) {
    const auto directory = live_directory(txn, path);
    if (!directory) return true;
    if (own_value(txn, *directory) && look(txn, prefix + std::string(kOwnValueName))) return false;
    for (DirectoryCursor cursor(txn, *directory, std::nullopt); cursor.valid(); cursor.next())
      if (look(txn, prefix + to_file_name(cursor.component()))) return false;
    return true;
  });
}

Result<void> StagedTransaction::admit(std::string_view path) {
  if (files.size() + directories.size() >= options_.keys_max)
    return Error{Errc::limit_reached,
                 fmt::format("a transaction changes at most {} keys (transaction_keys_max)", options_.keys_max)};
  if (tenant_ != 0) return {};
  const std::string_view tenant = path.substr(0, path.find('/'));
  if (named_tenant_.empty()) named_tenant_ = tenant;
  if (named_tenant_ != tenant)
    return Error{Errc::cross_tenant,
                 fmt::format("the transaction changes keys of {}, and spans no other tenant", named_tenant_)};
  return {};
}

Result<std::shared_ptr<StagedFile>> StagedTransaction::stage(std::string_view path) {
  const auto known = files.find(path);
  if (known != files.end()) return known->second;
  if (depth_of(path) <= collection_depth())
    return Error{Errc::not_permitted, "files live only below collections: TENANT/COLLECTION/..."};
  const auto [above, name] = split_path(path);
  std::string buffer;
  if (name != kOwnValueName) {
    const auto component = to_component(name, buffer);
    if (!component) return component.error();
    if (component->size() > kComponentBytesMax)
      return Error{Errc::name_too_long, fmt::format("a name has at most {} bytes", kComponentBytesMax)};
  }
  if (auto admitted = admit(path); !admitted) return admitted.error();
  return files.emplace(path, std::make_shared<StagedFile>()).first->second;
}

Result<void> StagedTransaction::stage_directory(std::string_view path, const StagedDirectory& directory) {
  if (tenant_ == 0 && depth_of(path) == 1)
    return Error{Errc::not_permitted, "tenants are not made or removed by transactions"};
  std::string buffer;
  const auto component = to_component(split_path(path).second, buffer);
  if (!component) return component.error();
  if (component->size() > kComponentBytesMax)
    return Error{Errc::name_too_long, fmt::format("a name has at most {} bytes", kComponentBytesMax)};
  if (depth_of(path) == collection_depth())
    if (auto named = check_name(*component, "collection"); !named) return named;
  if (auto admitted = admit(path); !admitted) return admitted;
  directories.insert_or_assign(std::string(path), directory);
  return {};
}

Overlay::BaseReader StagedTransaction::base_reader(std::string_view path) const {
  return [this, path = std::string(path)](uint64_t offset, size_t length, char* out) {
    return store_.read([&](const ReadTxn& txn) -> Result<size_t> {
      const auto found = live(txn, path);
      if (!found) return Error{Errc::stale, path + " does not exist any more"};
      return read_value(txn, found->entry, offset, length, out);
    });
  };
}

Result<void> StagedTransaction::begin_content(StagedFile& file, std::string_view path, bool empty, ChunkStore& chunks,
                                              const OverlayLimits& limits, OverlayGauge& gauge) {
  auto content = std::make_unique<Overlay>(chunks, limits, gauge);
  const bool had_content = file.content != nullptr;
  if (file.content) bytes -= file.content->staged_bytes();
  store_.read([&](const ReadTxn& txn) {
    const auto found = had_content ? Result<LiveName>(Errc::not_found) : live(txn, path);
    const bool over_live = found && !found->slot.directory;
    file.base_version = over_live ? found->entry.version : 0;
    if (empty || !over_live || found->entry.size == 0)
      content->begin_empty(true);
    else
      content->begin(found->entry.size);
    return true;
  });
  file.removed = false;
  file.kind = Kind::file;
  file.content = std::move(content);
  return {};
}

Result<void> StagedTransaction::count_bytes(Overlay& content, uint64_t more,
                                            const std::function<Result<void>()>& change) {
  if (bytes + more > options_.bytes_max)
    return Error{Errc::limit_reached,
                 fmt::format("a transaction stages at most {} bytes (transaction_size_max)", options_.bytes_max)};
  const uint64_t before = content.staged_bytes();
  auto done = change();
  bytes += content.staged_bytes() - before;
  return done;
}

void StagedTransaction::unstage(std::string_view path) {
  const auto staged = files.find(path);
  if (staged == files.end()) return;
  if (staged->second->content) bytes -= staged->second->content->staged_bytes();
  files.erase(staged);
}

}  // namespace kvfs
