#include "fusefs/trash_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "fusefs/attributes.h"
#include "fusefs/filesystem.h"
#include "fusefs/virtual_xattrs.h"
#include "store/trash_name.h"

namespace kvfs {
namespace {

constexpr size_t kListedAtOnce = 256;  // no transaction is open while names are given to the kernel

class Handle final : public ControlHandle {
 public:
  explicit Handle(std::unique_ptr<ValueReader> value) : value_(std::move(value)) {}
  Result<size_t> read(uint64_t offset, size_t length, char* out) override {
    if (offset >= value_->size()) return size_t{0};
    return value_->read(offset, length, out);
  }

 private:
  const std::unique_ptr<ValueReader> value_;
};

Error refused() { return {Errc::read_only, "what is in .kvfs/trash does not change: move it out of there first"}; }

struct stat directory_of(const ReadTxn& txn, DirId tenant) {
  struct stat st {};
  st.st_mode = S_IFDIR | 0700;
  st.st_nlink = 2;
  st.st_uid = geteuid();
  st.st_gid = getegid();
  if (const auto path = tenant == 0 ? Result<DirPathPtr>(Errc::not_found) : dir_path(txn, tenant)) {
    st.st_uid = (*path)->uid;
    st.st_gid = (*path)->gid;
  }
  clock_gettime(CLOCK_REALTIME, &st.st_mtim);
  st.st_atim = st.st_ctim = st.st_mtim;
  return st;
}

struct stat file_of(const ReadTxn& txn, const Trashed& removed) {
  struct stat st = to_stat(txn, removed.entry);
  st.st_ino = 0;
  st.st_ctim = to_timespec(static_cast<int64_t>(removed.id >> 16) * 1'000'000);
  return st;
}

}  // namespace

Result<TrashFiles::Target> TrashFiles::target(const ReadTxn& txn, const ControlPlace& place) const {
  std::string_view rest = place.below_root();
  Target target;
  target.tenant = place.tenant;
  if (place.tenant == 0) {
    if (rest.empty()) return target;
    const size_t slash = std::min(rest.find('/'), rest.size());
    const Result<DirId> tenant = find_tenant(txn, rest.substr(0, slash));
    if (!tenant) return Errc::not_found;
    target.tenant = *tenant;
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  if (rest.empty()) return target;
  const auto id = parse_trash_name(rest);
  const auto removed = id ? find_trashed(txn, target.tenant, *id) : Result<Trashed>(Errc::not_found);
  if (!removed || trash_name(*removed) != rest) return Errc::not_found;
  target.id = *id;
  return target;
}

Result<TrashFiles::Target> TrashFiles::target(const ControlPlace& place) const {
  return store_.read([&](const ReadTxn& txn) { return target(txn, place); });
}

Result<Trashed> TrashFiles::find(const ReadTxn& txn, const ControlPlace& place) const {
  const auto found = target(txn, place);
  if (!found) return found.error();
  if (found->id == 0) return Errc::is_directory;
  return find_trashed(txn, found->tenant, found->id);
}

Result<struct stat> TrashFiles::attributes(const ControlPlace& place) {
  return store_.read([&](const ReadTxn& txn) -> Result<struct stat> {
    const auto found = target(txn, place);
    if (!found) return found.error();
    if (found->id == 0) return directory_of(txn, found->tenant);
    const auto removed = find_trashed(txn, found->tenant, found->id);
    if (!removed) return removed.error();
    return file_of(txn, *removed);
  });
}

Result<std::unique_ptr<ControlHandle>> TrashFiles::open(const ControlPlace& place, int flags, Caller) {
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) return refused();
  return store_.read([&](const ReadTxn& txn) -> Result<std::unique_ptr<ControlHandle>> {
    const auto removed = find(txn, place);
    if (!removed) return removed.error();
    return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(std::make_unique<ValueReader>(txn, removed->entry)));
  });
}

Result<void> TrashFiles::list(const ControlPlace& directory, std::string_view after, const Sink& sink) {
  const auto found = target(directory);
  if (!found) return found.error();
  struct Listed {
    std::string name;
    struct stat attributes;
    Version id;
  };
  if (found->tenant == 0) {
    const auto tenants = store_.read([&](const ReadTxn& txn) {
      std::vector<Listed> out;
      for (const CollectionInfo& tenant : list_tenants(txn))
        out.push_back({tenant.name, directory_of(txn, tenant.id), 0});
      return out;
    });
    for (const Listed& tenant : tenants)
      if (tenant.name > after && !sink(tenant.name, tenant.attributes)) return {};
    return {};
  }
  Version last = parse_trash_name(after).value_or(0);
  while (true) {
    const auto some = store_.read([&](const ReadTxn& txn) {
      std::vector<Listed> out;
      list_trash(txn, found->tenant, last, [&](const Trashed& removed) {
        out.push_back({trash_name(removed), file_of(txn, removed), removed.id});
        return out.size() < kListedAtOnce;
      });
      return out;
    });
    for (const Listed& each : some)
      if (!sink(each.name, each.attributes)) return {};
    if (some.size() < kListedAtOnce) return {};
    last = some.back().id;
  }
}

Result<void> TrashFiles::unlink(const ControlPlace& place) {
  const auto found = target(place);
  if (!found) return found.error();
  if (found->id == 0) return Errc::is_directory;
  return store_.write([&](WriteTxn& txn) { return drop_trashed(txn, found->tenant, found->id); });
}

Result<void> TrashFiles::empty(DirId tenant) {
  while (true) {
    const auto went = store_.write([&](WriteTxn& txn) { return empty_trash(txn, tenant); });
    if (!went) return went.error();
    if (*went == 0) return {};
  }
}

Result<void> TrashFiles::remove_directory(const ControlPlace& place) {
  const auto found = target(place);
  if (!found) return found.error();
  if (found->id != 0) return Errc::not_directory;
  if (found->tenant != 0) return empty(found->tenant);
  for (const CollectionInfo& tenant : store_.read([](const ReadTxn& txn) { return list_tenants(txn); }))
    if (Result<void> done = empty(tenant.id); !done) return done;
  return {};
}

Result<void> TrashFiles::move_out(const ControlPlace& place, const Slot& to, bool no_replace,
                                  const WriteOptions& options) {
  const auto found = target(place);
  if (!found) return found.error();
  if (found->id == 0) return Error{Errc::not_permitted, "a whole trash cannot be moved; move what is in it"};
  return store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        const auto restored = restore_trashed(txn, found->tenant, found->id, to.dir, to.name, !no_replace);
        if (!restored) return restored.error();
        return {};
      },
      options);
}

Result<void> TrashFiles::set_attributes(const ControlPlace&, const AttributeRequest&) { return refused(); }

Result<std::string> TrashFiles::get_xattr(const ControlPlace& place, std::string_view name) {
  return store_.read([&](const ReadTxn& txn) -> Result<std::string> {
    const auto removed = find(txn, place);
    if (!removed) return Errc::no_attribute;
    if (name == "user.kvfs.path") return std::string(removed->collection) + "/" + std::string(removed->key);
    if (name == "user.kvfs.removed_at") return seconds_text_ms(removed->id >> 16);
    if (name == "user.kvfs.ends_at") return seconds_text_ms(removed->ends_ms);
    if (name.starts_with("user.kvfs.")) return virtual_xattr(txn, removed->entry, name);
    const auto value = Xattrs::find(removed->entry.xattrs, name);
    if (!value) return Errc::no_attribute;
    return std::string(*value);
  });
}

}  // namespace kvfs
