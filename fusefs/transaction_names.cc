// Names and attributes within transactions, laid over the live tree.
#include <fcntl.h>

#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/file_name.h"
#include "fusefs/filesystem.h"
#include "fusefs/transaction_files.h"
#include "store/acl.h"

namespace kvfs {
namespace {

constexpr size_t kNamesAtOnce = 256;
constexpr size_t kCopyStepBytes = 256 * 1024;

Error ended() { return {Errc::stale, "the transaction has been committed or dropped"}; }

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return to_ns(now);
}

}  // namespace

class TransactionFiles::Handle final : public ControlHandle {
 public:
  Handle(TransactionFiles& files, Target target, std::shared_ptr<StagedFile> staged, int flags)
      : files_(files), target_(std::move(target)), staged_(std::move(staged)), flags_(flags) {}

  Result<size_t> read(uint64_t offset, size_t length, char* out) override {
    StagedTransaction& transaction = *target_.transaction;
    const std::lock_guard lock(transaction.mutex);
    if (transaction.ended) return ended();
    adopt_staged();
    const auto base = transaction.base_reader(target_.path);
    return staged_ && staged_->content ? staged_->content->read(offset, length, out, base) : base(offset, length, out);
  }

  Result<size_t> write(uint64_t offset, std::string_view bytes) override {
    StagedTransaction& transaction = *target_.transaction;
    const std::lock_guard lock(transaction.mutex);
    if (transaction.ended) return ended();
    adopt_staged();
    if (!staged_) {
      auto staged = transaction.stage(target_.path);
      if (!staged) return staged.error();
      staged_ = *staged;
    }
    if (!staged_->content)
      if (auto begun = files_.begin_content(target_, *staged_, false); !begun) return begun.error();
    if ((flags_ & O_APPEND) != 0) offset = staged_->content->size();
    Overlay& content = *staged_->content;
    auto done = transaction.count_bytes(
        content, bytes.size(), [&] { return content.write(offset, bytes, transaction.base_reader(target_.path)); });
    if (!done) return done.error();
    staged_->mtime_ns = now_ns();
    return bytes.size();
  }

 private:
  /// Somebody may have staged the file after it was opened.
  void adopt_staged() {
    if (staged_) return;
    const auto known = target_.transaction->files.find(target_.path);
    if (known != target_.transaction->files.end() && !known->second->removed) staged_ = known->second;
  }

  TransactionFiles& files_;
  const Target target_;
  std::shared_ptr<StagedFile> staged_;  // guarded by the transaction's mutex; null: only the live value
  const int flags_;
};

Result<struct stat> TransactionFiles::attributes(const ControlPlace& place) {
  struct stat st {};
  st.st_nlink = 2;
  clock_gettime(CLOCK_REALTIME, &st.st_mtim);
  st.st_atim = st.st_ctim = st.st_mtim;
  st.st_mode = S_IFDIR | 01777;  // a transaction is its owner's; what is below it has the owners it has
  if (place.below_root().empty()) return st;
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return Errc::not_found;
  if (!target->path.empty()) return transaction.look(target->path);
  st.st_mode = S_IFDIR | 0700;
  st.st_uid = transaction.uid();
  st.st_gid = transaction.gid();
  return st;
}

Result<void> TransactionFiles::begin_content(const Target& target, StagedFile& file, bool empty) {
  return target.transaction->begin_content(file, target.path, empty, store_.chunks(), limits_, gauge_);
}

Result<void> TransactionFiles::complete(const Target& target, StagedFile& file) {
  if (file.content && file.content->covers_base()) return {};
  StagedTransaction& transaction = *target.transaction;
  const auto base = transaction.base_reader(target.path);
  auto whole = std::make_unique<Overlay>(store_.chunks(), limits_, gauge_);
  whole->begin_empty(true);
  std::string step(kCopyStepBytes, '\0');
  Result<void> done;
  for (uint64_t at = 0; done;) {
    const auto got =
        file.content ? file.content->read(at, step.size(), step.data(), base) : base(at, step.size(), step.data());
    if (!got) done = got.error();
    if (!got || *got == 0) break;
    done = transaction.count_bytes(*whole, *got, [&] {
      return whole->write(at, {step.data(), *got}, [](uint64_t, size_t, char*) -> Result<size_t> { return size_t{0}; });
    });
    at += *got;
  }
  Overlay* const superfluous = done ? file.content.get() : whole.get();
  if (superfluous != nullptr) transaction.bytes -= superfluous->staged_bytes();
  if (done) file.content = std::move(whole);
  return done;
}

Result<void> TransactionFiles::resize(const Target& target, StagedFile& file, uint64_t size) {
  file.mtime_ns = now_ns();
  if (size == 0) return begin_content(target, file, true);
  // What a cut leaves of the live value cannot be published before the rest.
  if (auto whole = complete(target, file); !whole) return whole;
  const auto no_base = [](uint64_t, size_t, char*) -> Result<size_t> { return size_t{0}; };
  return target.transaction->count_bytes(*file.content, 0, [&]() -> Result<void> {
    const auto cut = file.content->resize(size, no_base);
    if (!cut) return cut.error();
    return {};
  });
}

Result<std::unique_ptr<ControlHandle>> TransactionFiles::opened(const Target& target, int flags) {
  const auto known = target.transaction->files.find(target.path);
  auto staged = known == target.transaction->files.end() ? nullptr : known->second;
  if ((flags & O_TRUNC) != 0) {
    auto made = target.transaction->stage(target.path);
    if (!made) return made.error();
    staged = *made;
    if (auto cut = resize(target, *staged, 0); !cut) return cut.error();
  }
  return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(*this, target, std::move(staged), flags));
}

Result<std::unique_ptr<ControlHandle>> TransactionFiles::open(const ControlPlace& place, int flags, Caller) {
  const auto target = this->target(place);
  if (!target) return target.error();
  const std::lock_guard lock(target->transaction->mutex);
  if (target->transaction->ended) return ended();
  const auto st = target->transaction->look(target->path);
  if (!st) return st.error();
  if (!S_ISREG(st->st_mode)) return S_ISDIR(st->st_mode) ? Errc::is_directory : Errc::invalid;
  return opened(*target, flags);
}

Result<std::unique_ptr<ControlHandle>> TransactionFiles::create(const ControlPlace& place, mode_t mode, int flags,
                                                                Caller caller) {
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  if (target->path.empty()) return Errc::exists;
  if (const auto present = transaction.look(target->path)) {
    if ((flags & O_EXCL) != 0) return Errc::exists;
    if (S_ISDIR(present->st_mode)) return Errc::is_directory;
    return opened(*target, flags);
  }
  auto staged = transaction.stage(target->path);
  if (!staged) return staged.error();
  StagedFile& file = **staged;
  file.mode = mode & kModeMask;
  file.uid = caller.uid;
  file.gid = caller.gid;
  file.mtime_ns = now_ns();
  if (file.removed) file.xattrs = "";  // nothing of what was there
  if (auto begun = begin_content(*target, file, true); !begun) return begun.error();
  return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(*this, *target, *staged, flags));
}

Result<void> TransactionFiles::make_directory(const ControlPlace& place, mode_t mode, Caller caller) {
  if (place.root() != "tx" || place.below_root().find('/') == std::string_view::npos) return begin(place, caller);
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  if (transaction.look(target->path)) return Errc::exists;
  const auto removed = transaction.directories.find(target->path);
  if (removed != transaction.directories.end()) {  // the live one stays after all, empty
    transaction.directories.erase(removed);
    return {};
  }
  const bool is_collection = static_cast<size_t>(std::count(target->path.begin(), target->path.end(), '/')) + 1 ==
                             transaction.collection_depth();
  if (is_collection && caller.uid != 0) {
    // The directory it will stand in is the tenant's, not the transaction's, so nobody has asked yet.
    const auto owner = store_.read([&](const ReadTxn& txn) -> Result<uint32_t> {
      const auto tenant = transaction.live_directory(txn, split_path(target->path).first);
      if (!tenant) return tenant.error();
      const auto path = dir_path(txn, *tenant);
      if (!path) return path.error();
      return (*path)->uid;
    });
    if (!owner || *owner != caller.uid) return Error{Errc::access_denied, "collections are made by the tenant's owner"};
  }
  return transaction.stage_directory(
      target->path,
      {.removed = false, .mode = static_cast<uint32_t>(mode & kModeMask), .uid = caller.uid, .gid = caller.gid});
}

Result<void> TransactionFiles::unlink(const ControlPlace& place) {
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  const auto st = transaction.look(target->path);
  if (!st) return st.error();
  if (S_ISDIR(st->st_mode)) return Errc::is_directory;
  const auto known = transaction.files.find(target->path);
  const auto condition = known == transaction.files.end() ? std::nullopt : known->second->if_match;
  transaction.unstage(target->path);
  if (!transaction.has_live_file(target->path)) return {};
  auto staged = transaction.stage(target->path);
  if (!staged) return staged.error();
  (*staged)->removed = true;
  (*staged)->if_match = condition;
  return {};
}

Result<void> TransactionFiles::remove_directory(const ControlPlace& place) {
  if (place.below_root().empty()) return ControlSubtree::remove_directory(place);
  if (place.below_root().find('/') == std::string_view::npos) return end(place);
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  const auto st = transaction.look(target->path);
  if (!st) return st.error();
  if (!S_ISDIR(st->st_mode)) return Errc::not_directory;
  if (!transaction.is_empty_directory(target->path)) return Errc::not_empty;
  transaction.directories.erase(target->path);
  const bool is_live =
      store_.read([&](const ReadTxn& txn) { return transaction.live_directory(txn, target->path).has_value(); });
  return is_live ? transaction.stage_directory(target->path, {.removed = true}) : Result<void>();
}

Result<void> TransactionFiles::rename_file(const Target& from, const Target& to, bool no_replace) {
  StagedTransaction& transaction = *from.transaction;
  const auto st = transaction.look(from.path);
  if (!st) return st.error();
  if (S_ISDIR(st->st_mode)) return rename_directory(from, to, no_replace);
  if (const auto present = transaction.look(to.path)) {
    if (no_replace) return Errc::exists;
    if (S_ISDIR(present->st_mode)) return Errc::is_directory;
  }
  if (from.path == to.path) return {};
  auto source = transaction.stage(from.path);
  if (!source) return source.error();
  auto replaced = transaction.stage(to.path);
  if (!replaced) return replaced.error();
  const std::shared_ptr<StagedFile> file = *source;
  std::string xattrs = transaction.xattrs(from.path);
  if (auto whole = S_ISREG(st->st_mode) ? complete(from, *file) : adopt_special(from, *file); !whole) return whole;
  if (!file->mode) file->mode = st->st_mode & kModeMask;
  if (!file->uid) file->uid = st->st_uid;
  if (!file->gid) file->gid = st->st_gid;
  if (!file->mtime_ns) file->mtime_ns = to_ns(st->st_mtim);
  if (!file->xattrs) file->xattrs = std::move(xattrs);
  const auto own_condition = std::exchange(file->if_match, (*replaced)->if_match);
  transaction.unstage(to.path);
  transaction.files.emplace(to.path, file);
  transaction.files.erase(from.path);
  if (!transaction.has_live_file(from.path)) return {};
  auto removed = transaction.stage(from.path);
  if (!removed) return removed.error();
  (*removed)->removed = true;
  (*removed)->if_match = own_condition;
  return {};
}

Result<bool> TransactionFiles::rename(const ControlPlace& from, const ControlPlace& to, bool no_replace) {
  const bool whole = from.below_root().find('/') == std::string_view::npos;
  if (from.root() == "tx" && to.root() == "commit" && whole && from.tenant == to.tenant) {
    if (auto done = commit(from); !done) return done.error();
    return false;
  }
  if (whole || to.root() != "tx" || to.below_root().find('/') == std::string_view::npos)
    return Error{Errc::not_permitted, "a transaction is committed by mv .kvfs/tx/ID .kvfs/commit/"};
  const auto source = target(from);
  if (!source) return source.error();
  const auto destination = target(to);
  if (!destination) return destination.error();
  if (source->transaction != destination->transaction) return Errc::cross_tenant;
  const std::lock_guard lock(source->transaction->mutex);
  if (source->transaction->ended) return ended();
  if (auto done = rename_file(*source, *destination, no_replace); !done) return done.error();
  return true;
}

Result<void> TransactionFiles::set_attributes(const ControlPlace& place, const AttributeRequest& request) {
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return ended();
  const bool owners = request.mode || request.uid || request.gid;
  const auto directory = transaction.directories.find(target->path);
  if (directory != transaction.directories.end() && !directory->second.removed) {
    StagedDirectory& made = directory->second;
    if (request.mode) {
      if (made.xattrs) made.xattrs = xattrs_after_chmod(*made.xattrs, *request.mode);
      made.mode = *request.mode;
    }
    if (request.uid) made.uid = *request.uid;
    if (request.gid) made.gid = *request.gid;
    return {};
  }
  const auto st = target->path.empty() ? Result<struct stat>(Errc::is_directory) : transaction.look(target->path);
  if (!st || S_ISDIR(st->st_mode)) {
    if (owners) return Error{Errc::not_permitted, "directories that are there already keep their attributes"};
    return {};
  }
  if (!owners && !request.size && !request.mtime_ns) return {};
  auto staged = transaction.stage(target->path);
  if (!staged) return staged.error();
  StagedFile& file = **staged;
  if (request.size)
    if (auto done = resize(*target, file, *request.size); !done) return done;
  if (request.mode) {
    if (file.xattrs) file.xattrs = xattrs_after_chmod(*file.xattrs, *request.mode);
    file.mode = *request.mode;
  }
  if (request.uid) file.uid = *request.uid;
  if (request.gid) file.gid = *request.gid;
  if (request.mtime_ns) file.mtime_ns = *request.mtime_ns;
  return {};
}

Result<std::string> TransactionFiles::read_symlink(const ControlPlace& place) {
  const auto target = this->target(place);
  if (!target) return target.error();
  const std::lock_guard lock(target->transaction->mutex);
  const auto staged = target->transaction->files.find(target->path);
  if (staged != target->transaction->files.end() && staged->second->makes())
    return staged->second->kind == Kind::symlink ? Result<std::string>(staged->second->link_target) : Errc::invalid;
  return store_.read([&](const ReadTxn& txn) -> Result<std::string> {
    const auto live = target->transaction->live(txn, target->path);
    if (!live || live->entry.kind != Kind::symlink) return Errc::invalid;
    return std::string(live->entry.inline_value);
  });
}

std::vector<std::string> TransactionFiles::names_after(const Target& target, std::string_view after,
                                                       size_t count_max) const {
  const StagedTransaction& transaction = *target.transaction;
  const std::string prefix = target.path + "/";
  std::vector<std::string> names;
  std::optional<std::string> staged_after;  // where to go on in what is only staged
  store_.read([&](const ReadTxn& txn) {
    const auto directory = transaction.live_directory(txn, target.path);
    if (!directory) return true;
    std::optional<std::string> position;
    if (after.empty()) {
      if (transaction.look(txn, prefix + std::string(kOwnValueName))) names.emplace_back(kOwnValueName);
    } else if (after != kOwnValueName) {
      const auto live = transaction.live(txn, prefix + std::string(after));
      if (!live) return true;
      position = live->component + (live->slot.directory ? "/" : "");
    }
    DirectoryCursor cursor(txn, *directory, position);
    for (; cursor.valid() && names.size() < count_max; cursor.next()) {
      std::string name = to_file_name(cursor.component());
      if (transaction.look(txn, prefix + name)) names.push_back(std::move(name));
    }
    if (!cursor.valid()) staged_after = "";
    return true;
  });
  const bool has_live = staged_after.has_value();
  if (!has_live && names.empty()) staged_after = std::string(after == kOwnValueName ? "" : after);
  if (!staged_after) return names;
  // What the live tree does not have.
  const auto add = [&](std::string_view path, bool shown) {
    const std::string_view name = path.substr(prefix.size());
    if (!shown || name.find('/') != std::string_view::npos || name == kOwnValueName || name <= *staged_after) return;
    const bool is_live = store_.read([&](const ReadTxn& txn) { return transaction.live(txn, path).has_value(); });
    if (!is_live) names.emplace_back(name);
  };
  const size_t live_names = names.size();
  for (auto at = transaction.files.lower_bound(prefix); at != transaction.files.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    add(at->first, at->second->makes());
  }
  for (auto at = transaction.directories.lower_bound(prefix); at != transaction.directories.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    add(at->first, !at->second.removed);
  }
  std::sort(names.begin() + static_cast<std::ptrdiff_t>(live_names), names.end());
  return names;
}

Result<void> TransactionFiles::list(const ControlPlace& directory, std::string_view after, const Sink& sink) {
  std::vector<std::string> names;
  if (directory.below_root().empty()) {
    if (directory.root() == "tx") {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, transaction] : transactions_)
        if (key.first == directory.tenant && key.second > after) names.push_back(key.second);
    }
    for (const std::string& name : names)
      if (!sink(name, {})) return {};
    return {};
  }
  const auto target = this->target(directory);
  if (!target) return target.error();
  // Collections are there by name alone, so that `rm -r .kvfs/tx/ID` has nothing to remove but the transaction.
  if (target->path.empty()) return {};
  for (std::string from(after);;) {
    {
      const std::lock_guard lock(target->transaction->mutex);
      if (target->transaction->ended) return ended();
      names = names_after(*target, from, kNamesAtOnce);
    }
    if (names.empty()) return {};
    for (const std::string& name : names)
      if (!sink(name, {})) return {};
    from = names.back();
  }
}

}  // namespace kvfs
