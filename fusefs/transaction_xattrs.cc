// Extended attributes within transactions: those that programs set are staged, and the virtual ones are conditions and
// settings of values.
#include "fusefs/stored_xattrs.h"
#include "fusefs/transaction_files.h"
#include "fusefs/virtual_xattrs.h"
#include "store/acl.h"

namespace kvfs {
namespace {

constexpr std::string_view kVirtualPrefix = "user.kvfs.";

Error ended() { return {Errc::stale, "the transaction has been committed or dropped"}; }

}  // namespace

std::string StagedTransaction::inherited_xattrs(const ReadTxn& txn, std::string_view path, bool directory,
                                                uint32_t mode) const {
  const std::string above = xattrs(txn, split_path(path).first);
  const auto list = Xattrs::find(above, kDefaultAclName);
  return list ? xattrs_after_chmod(inherit_acls(*list, {}, directory, mode).xattrs, mode) : std::string();
}

std::string StagedTransaction::xattrs(const ReadTxn& txn, std::string_view path) const {
  if (path.empty()) return {};
  const auto directory = directories.find(path);
  if (directory != directories.end() && !directory->second.removed)
    return directory->second.xattrs ? *directory->second.xattrs
                                    : inherited_xattrs(txn, path, true, directory->second.mode);
  const auto staged = files.find(path);
  const StagedFile* const file = staged == files.end() ? nullptr : staged->second.get();
  if (file != nullptr && file->xattrs) return *file->xattrs;
  const auto found = live(txn, path);
  const bool made_anew = file != nullptr && file->makes() &&
                         (!found || found->slot.directory || file->is_special() || found->entry.kind != Kind::file);
  if (made_anew)
    return file->kind == Kind::symlink ? std::string() : inherited_xattrs(txn, path, false, file->mode.value_or(0644));
  if (!found) return {};
  return file != nullptr && file->mode ? xattrs_after_chmod(found->entry.xattrs, *file->mode)
                                       : std::string(found->entry.xattrs);
}

std::string StagedTransaction::xattrs(std::string_view path) const {
  return store_.read([&](const ReadTxn& txn) { return xattrs(txn, path); });
}

Result<std::string> TransactionFiles::xattrs(const ControlPlace& place) {
  if (place.below_root().find('/') == std::string_view::npos) return std::string();
  const auto target = this->target(place);
  if (!target) return target.error();
  const std::lock_guard lock(target->transaction->mutex);
  if (target->transaction->ended) return ended();
  return target->transaction->xattrs(target->path);
}

Result<std::string> TransactionFiles::get_xattr(const ControlPlace& place, std::string_view name) {
  if (place.below_root().find('/') == std::string_view::npos) return Errc::no_attribute;
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  if (!name.starts_with(kVirtualPrefix)) {
    const std::string xattrs = transaction.xattrs(target->path);
    const auto value = Xattrs::find(xattrs, name);
    return value ? Result<std::string>(std::string(*value)) : Errc::no_attribute;
  }
  const auto staged = transaction.files.find(target->path);
  if (name == "user.kvfs.if_match" && staged != transaction.files.end() && staged->second->if_match)
    return std::to_string(*staged->second->if_match);
  if (name != "user.kvfs.version") return Errc::no_attribute;
  return store_.read([&](const ReadTxn& txn) -> Result<std::string> {
    const auto live = transaction.live(txn, target->path);
    return live ? Result<std::string>(std::to_string(live->entry.version)) : Errc::no_attribute;
  });
}

Result<void> TransactionFiles::set_virtual_xattr(const Target& target, std::string_view name, std::string_view value) {
  StagedTransaction& transaction = *target.transaction;
  const auto st = target.path.empty() ? Result<struct stat>(Errc::is_directory) : transaction.look(target.path);
  if (!st || !S_ISREG(st->st_mode))
    return Error{Errc::not_permitted, "within a transaction only values take user.kvfs.*"};
  std::optional<Version> if_match;
  AttributeChange change;
  if (name == "user.kvfs.if_match") {
    if_match = parse_xattr_number(value);
    if (!if_match)
      return Error{Errc::invalid, "user.kvfs.if_match takes a version, as read from user.kvfs.version; 0: no value"};
  } else {
    auto changed = virtual_change(name, value, store_.now_ms());
    if (!changed) return changed.error();
    if (changed->default_ttl_ms) return Error{Errc::not_permitted, "only directories have a default_ttl"};
    change = std::move(*changed);
  }
  auto staged = transaction.stage(target.path);
  if (!staged) return staged.error();
  if (if_match) (*staged)->if_match = if_match;
  if (change.expires_ms) (*staged)->expires_ms = change.expires_ms;
  if (change.content_type) (*staged)->content_type = change.content_type;
  return {};
}

Result<void> TransactionFiles::change_xattrs(const ControlPlace& place, const XattrChange& change) {
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  const auto st = target->path.empty() ? Result<struct stat>(Errc::is_directory) : transaction.look(target->path);
  const auto directory = transaction.directories.find(target->path);
  const bool made = directory != transaction.directories.end() && !directory->second.removed;
  if (!st || (S_ISDIR(st->st_mode) && !made))
    return Error{Errc::not_permitted, "directories that are there already keep their attributes"};
  uint32_t mode = st->st_mode & kModeMask;
  std::string xattrs = transaction.xattrs(target->path);
  if (auto done = change(mode, xattrs, made); !done) return done;
  if (xattrs.size() > kXattrsBytesMax) return Error{Errc::no_space, "the extended attributes would be too large"};
  if (made) {
    directory->second.mode = mode;
    directory->second.xattrs = std::move(xattrs);
    return {};
  }
  auto staged = transaction.stage(target->path);
  if (!staged) return staged.error();
  if (mode != (st->st_mode & kModeMask)) (*staged)->mode = mode;
  (*staged)->xattrs = std::move(xattrs);
  return {};
}

Result<void> TransactionFiles::set_xattr(const ControlPlace& place, std::string_view name, std::string_view value,
                                         int flags) {
  if (name.starts_with(kVirtualPrefix)) {
    const auto target = this->target(place);
    if (!target) return target.error();
    const std::lock_guard lock(target->transaction->mutex);
    if (target->transaction->ended) return ended();
    return set_virtual_xattr(*target, name, value);
  }
  return change_xattrs(place, [&](uint32_t& mode, std::string& xattrs, bool directory) -> Result<void> {
    if (is_acl_name(name)) {
      auto changed = with_acl(directory, mode, xattrs, name, value);
      if (!changed) return changed.error();
      mode = changed->mode;
      xattrs = std::move(changed->xattrs);
      return {};
    }
    auto changed = with_xattr(xattrs, name, value, flags);
    if (!changed) return changed.error();
    xattrs = std::move(*changed);
    return {};
  });
}

Result<void> TransactionFiles::remove_xattr(const ControlPlace& place, std::string_view name) {
  if (name.starts_with(kVirtualPrefix)) return Errc::not_permitted;
  if (is_acl_name(name)) return set_xattr(place, name, {}, 0);
  return change_xattrs(place, [&](uint32_t&, std::string& xattrs, bool) -> Result<void> {
    auto changed = without_xattr(xattrs, name);
    if (!changed) return changed.error();
    xattrs = std::move(*changed);
    return {};
  });
}

}  // namespace kvfs
