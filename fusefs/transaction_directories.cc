// Directories that are made within a transaction get other names within it.
#include <algorithm>

#include "fusefs/transaction_files.h"

namespace kvfs {
namespace {

/// What is staged at paths below `from` is staged below `to`.
template <class Map>
void move_below(Map& map, const std::string& from, const std::string& to) {
  const std::string prefix = from + "/";
  Map moved;
  for (auto at = map.lower_bound(prefix); at != map.end() && at->first.starts_with(prefix);) {
    auto taken = map.extract(at++);
    taken.key() = to + taken.key().substr(from.size());
    moved.insert(std::move(taken));
  }
  map.merge(moved);
}

size_t depth_of(const std::string& path) { return static_cast<size_t>(std::count(path.begin(), path.end(), '/')) + 1; }

std::string_view first_of(std::string_view path) { return path.substr(0, path.find('/')); }

}  // namespace

Result<void> TransactionFiles::rename_directory(const Target& from, const Target& to, bool no_replace) {
  StagedTransaction& transaction = *from.transaction;
  if (from.path == to.path) return {};
  if (to.path.starts_with(from.path + "/")) return Errc::loop;
  if (const auto present = transaction.look(to.path)) {
    if (no_replace) return Errc::exists;
    if (!S_ISDIR(present->st_mode)) return Errc::not_directory;
    if (!transaction.is_empty_directory(to.path)) return Errc::not_empty;
  }
  const auto is_live = [&](const std::string& path) {
    return store_.read([&](const ReadTxn& txn) { return transaction.live(txn, path).has_value(); });
  };
  // Of a live directory not everything below is staged: mv(1) copies it. Collections and tenants are no directories of
  // keys.
  const size_t depth_min = std::min(depth_of(from.path), depth_of(to.path));
  const bool leaves_tenant = transaction.root() == kRootDir && first_of(from.path) != first_of(to.path);
  if (depth_min <= transaction.collection_depth() || leaves_tenant || is_live(from.path) || is_live(to.path))
    return Errc::cross_tenant;
  move_below(transaction.files, from.path, to.path);
  move_below(transaction.directories, from.path, to.path);
  transaction.directories.erase(to.path);
  auto itself = transaction.directories.extract(from.path);
  itself.key() = to.path;
  transaction.directories.insert(std::move(itself));
  return {};
}

}  // namespace kvfs
