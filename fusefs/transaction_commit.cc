// How a transaction of the mount becomes one of the store.
#include <fmt/format.h>

#include <vector>

#include "fusefs/file_name.h"
#include "fusefs/staged_transaction.h"

namespace kvfs {
namespace {

Error at(std::string_view path, const Error& error) {
  return {error.code, fmt::format("{}: {}; nothing was published", path, error.message())};
}

/// The collection's path, and the key that the rest stands for.
Result<std::pair<std::string_view, std::string>> key_of(std::string_view path, size_t collection_depth) {
  size_t end = 0;
  for (size_t i = 0; i < collection_depth; i++) end = path.find('/', end) + 1;
  std::string_view rest = path.substr(end);
  std::string key;
  std::string buffer;
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (name == kOwnValueName) {  // the last one: the value of the directory above
      if (!key.empty()) key.pop_back();
      return std::pair(path.substr(0, end - 1), key);
    }
    const auto component = to_component(name, buffer);
    if (!component) return component.error();
    key.append(*component);
    if (!rest.empty()) key.push_back('/');
  }
  return std::pair(path.substr(0, end - 1), key);
}

}  // namespace

Result<void> StagedTransaction::check_conditions(const WriteTxn& txn) const {
  for (const auto& [path, file] : files) {
    const bool partial = file->content && !file->content->covers_base();
    if (!file->if_match && !partial) continue;
    const auto found = live(txn, path);
    const Version present = found && !found->slot.directory ? found->entry.version : 0;
    const Version wanted = file->if_match.value_or(file->base_version);
    if (present == wanted) continue;
    const std::string is = present == 0 ? "does not exist" : fmt::format("has version {}", present);
    const std::string expected = wanted == 0 ? "that it does not exist" : fmt::format("version {}", wanted);
    return at(path, {Errc::precondition_failed, fmt::format("it {}, the transaction expects {}", is, expected)});
  }
  return {};
}

Result<void> StagedTransaction::remove_names(WriteTxn& txn) const {
  for (const auto& [path, file] : files) {
    if (!file->removed) continue;
    const auto found = live(txn, path);
    if (!found || found->slot.directory) continue;  // somebody else has removed it: so be it
    if (auto gone = kvfs::unlink(txn, {found->slot.dir, found->component, false}); !gone) return at(path, gone.error());
  }
  // What is below comes before what it is in.
  for (auto entry = directories.rbegin(); entry != directories.rend(); ++entry) {
    const auto& [path, directory] = *entry;
    if (!directory.removed) continue;
    const auto found = live(txn, path);
    if (!found || !found->slot.directory) continue;
    if (auto gone = kvfs::remove_directory(txn, found->slot.dir, found->component); !gone)
      return at(path, gone.error());
  }
  return {};
}

Result<DirId> StagedTransaction::ensure_directory(WriteTxn& txn, std::string_view path) const {
  if (path.empty()) return root();
  const auto present = live_directory(txn, path);
  if (present || present.error().code != Errc::not_found) return present;
  const auto [above, name] = split_path(path);
  const auto parent = ensure_directory(txn, above);
  if (!parent) return parent;
  std::string buffer;
  const auto component = to_component(name, buffer);
  if (!component) return component.error();
  NewNode node;
  node.kind = Kind::directory;
  node.mode = 0755;
  node.uid = uid_;
  node.gid = gid_;
  if (const auto staged = directories.find(path); staged != directories.end()) {
    node.mode = staged->second.mode;
    node.uid = staged->second.uid;
    node.gid = staged->second.gid;
  }
  const auto made = make_node(txn, *parent, *component, node);
  if (!made) return made.error();
  const Inode inode = made->inode;
  const auto staged = directories.find(path);
  if (staged == directories.end() || !staged->second.xattrs) return inode;
  AttributeChange change;
  change.mode = staged->second.mode;
  change.xattrs = staged->second.xattrs;
  const auto changed = kvfs::set_attributes(txn, {{*parent, *component, true}, std::string(*component), *made}, change);
  if (!changed) return changed.error();
  return inode;
}

Result<void> StagedTransaction::make_directories(WriteTxn& txn) const {
  for (const auto& [path, directory] : directories) {
    if (directory.removed) continue;
    if (const auto made = ensure_directory(txn, path); !made) return at(path, made.error());
  }
  return {};
}

Result<void> StagedTransaction::make_special(WriteTxn& txn, std::string_view path, const StagedFile& file) const {
  const auto [above, name] = split_path(path);
  const auto directory = ensure_directory(txn, above);
  if (!directory) return directory.error();
  std::string buffer;
  const auto component = to_component(name, buffer);
  if (!component) return component.error();
  NewNode node;
  node.kind = file.kind;
  node.rdev = file.rdev;
  node.target = file.link_target;
  const auto made = make_node(txn, *directory, *component, node);
  if (!made) return made.error();
  return {};
}

Result<void> StagedTransaction::put_file(WriteTxn& txn, const std::string& path, const StagedFile& file,
                                         const StagedValue* value) const {
  if (file.makes()) {
    const auto found = live(txn, path);
    if (found && !found->slot.directory && (file.is_special() || found->entry.kind != Kind::file))
      if (auto gone = kvfs::unlink(txn, {found->slot.dir, found->component, false}); !gone) return gone;
  }
  if (file.is_special())
    if (auto made = make_special(txn, path, file); !made) return made;
  if (value != nullptr) {
    const auto target = key_of(path, collection_depth());
    if (!target) return target.error();
    const auto collection = ensure_directory(txn, target->first);
    if (!collection) return collection.error();
    PutOptions options;
    options.keep_content_type = true;
    options.keep_expiry = true;
    if (auto put = kvfs::put(txn, *collection, target->second, *value, options); !put) return put.error();
  }
  if (!file.changes_attributes()) return {};
  const auto found = live(txn, path);
  if (!found) return Error{Errc::stale, "it does not exist any more"};
  AttributeChange change;
  change.mode = file.mode;
  change.uid = file.uid;
  change.gid = file.gid;
  change.mtime_ns = file.mtime_ns;
  change.expires_ms = file.expires_ms;
  change.content_type = file.content_type;
  change.xattrs = file.xattrs;
  const auto changed = kvfs::set_attributes(txn, {found->slot, found->component, found->entry}, change);
  if (!changed) return changed.error();
  return {};
}

Result<void> StagedTransaction::commit(const WriteOptions& options) {
  if (ended) return Errc::stale;
  std::vector<const StagedValue*> values;
  for (const auto& [path, file] : files) {
    values.push_back(nullptr);
    if (!file->content) continue;
    const auto value = file->content->prepare(base_reader(path));
    if (!value) return at(path, value.error());
    values.back() = *value;
  }
  auto done = store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        if (auto holds = check_conditions(txn); !holds) return holds;
        if (auto removed = remove_names(txn); !removed) return removed;
        if (auto made = make_directories(txn); !made) return made;
        size_t i = 0;
        for (const auto& [path, file] : files) {
          const StagedValue* const value = values[i++];
          if (!file->changes() || file->removed) continue;
          if (auto put = put_file(txn, path, *file, value); !put) return at(path, put.error());
        }
        return {};
      },
      options);
  if (!done) return done;
  for (const auto& [path, file] : files)
    if (file->content) file->content->published();
  ended = true;
  files.clear();
  directories.clear();
  bytes = 0;
  return {};
}

}  // namespace kvfs
