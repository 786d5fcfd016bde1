// Keys of collections: what HTTP and RESP do with the store. The same rows as tree.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/tree.h"
#include "store/txn.h"
#include "store/value.h"

namespace kvfs {

/// Errors: not_found, invalid (bad name).
Result<DirId> find_tenant(const ReadTxn& txn, std::string_view tenant);
Result<DirId> find_collection(const ReadTxn& txn, DirId tenant, std::string_view collection);
/// Likewise, made where absent (collections: owner and group of the tenant, mode 0755).
Result<DirId> ensure_tenant(WriteTxn& txn, std::string_view tenant);
Result<DirId> ensure_collection(WriteTxn& txn, DirId tenant, std::string_view collection);

/// The largest value that copy_key() copies within its transaction.
inline constexpr uint64_t kCopyBytesMax = 64 * 1024 * 1024;

/// The row of a key: its directories walked. `slot.name` is a view into `key`. Errors: not_found, invalid,
/// key_too_long.
Result<Slot> find_slot(const ReadTxn& txn, DirId collection, std::string_view key);

/// The entry of a key; symlinks, special files and directories are not values and are not_found; hard links are values.
/// Views into the transaction. Errors: not_found, as check_key.
Result<Entry> get(const ReadTxn& txn, DirId collection, std::string_view key);
/// Likewise, but it does not count as a use of the value, nor as a hit or a miss.
Result<Entry> peek(const ReadTxn& txn, DirId collection, std::string_view key);

/// Conditions on the key's present state. Errors: precondition_failed.
struct Precondition {
  std::optional<std::vector<Version>> if_match;       // present with one of these versions
  bool if_present = false;                            // any version (If-Match: *)
  bool if_absent = false;                             // If-None-Match: *
  std::optional<std::vector<Version>> if_none_match;  // absent, or with none of these versions
  std::optional<int64_t> if_unmodified_since_s;       // absent, or last modified in this second or before
};
Result<void> check(const Precondition& precondition, const Entry* present);

struct PutOptions {
  Precondition precondition;
  std::optional<std::string_view> content_type;  // nullopt: none
  bool keep_content_type = false;                // keep that of a value that is replaced
  /// nullopt: the directory's default TTL, or never. 0: never, whatever the directory says.
  std::optional<uint64_t> expires_ms;
  bool keep_expiry = false;  // keep that of a value that is replaced
  ValueType type = ValueType::bytes;
  std::optional<Version> version;  // of the value, where another replica gave it; the feed counts its own
};
struct PutOutcome {
  Version version = 0;
  bool created = false;
  uint64_t expires_ms = 0;
};
/// Makes or replaces the value of a key; attributes of a file that is replaced (mode, owner, xattrs, inode) stay.
/// Directories are made as needed (implicit). A symlink or special file at the key is replaced.
/// Errors: invalid, key_too_long, name_too_long, precondition_failed, quota_exceeded, no_space, not_directory (a prefix
/// of the key is a symlink or special file is no obstacle: directories and values have rows of their own).
Result<PutOutcome> put(WriteTxn& txn, DirId collection, std::string_view key, const StagedValue& value,
                       const PutOptions& options = {});
/// Likewise for a small value in memory: no staging. Values longer than kInlineBytesMax are refused here
/// (value_too_large): stage them; but for those of another type than bytes, whose text this is.
Result<PutOutcome> put(WriteTxn& txn, DirId collection, std::string_view key, std::string_view value,
                       const PutOptions& options = {});

/// Likewise with bytes that depend on the value there is, which is looked up once: `make` is given its entry (null:
/// there is none) and returns them as a view that lives until the call ends. Errors: as put(), and those of `make`;
/// where there was a value, nothing has been written then.
using MakeValue = std::function<Result<std::string_view>(const Entry* present)>;
Result<PutOutcome> update(WriteTxn& txn, DirId collection, std::string_view key, const MakeValue& make,
                          const PutOptions& options = {});

/// Errors: not_found, precondition_failed. Returns the version of the removal.
Result<Version> remove(WriteTxn& txn, DirId collection, std::string_view key, const Precondition& precondition = {});

/// Changes only the expiry. 0: never. Returns the new version. Errors: not_found.
Result<Version> set_expiry(WriteTxn& txn, DirId collection, std::string_view key, uint64_t expires_ms);

/// Another key for the value (same tenant), replacing what is there unless the precondition on it forbids.
/// A rename keeps inode, attributes and expiry.
Result<PutOutcome> rename_key(WriteTxn& txn, DirId from_collection, std::string_view from, DirId to_collection,
                              std::string_view to, const Precondition& on_target = {});
/// A copy of value, content type, type and expiry; attributes are new. Errors: value_too_large for values
/// longer than kCopyBytesMax (copy them as a stream).
Result<PutOutcome> copy_key(WriteTxn& txn, DirId from_collection, std::string_view from, DirId to_collection,
                            std::string_view to, const Precondition& on_target = {});

/// Walks the keys of a collection in byte order of full keys, either way. Only values (no directories); expired ones
/// are passed over. Views are valid until the next move.
class KeyCursor {
 public:
  KeyCursor(const ReadTxn& txn, DirId collection);
  ~KeyCursor();
  void seek(std::string_view key);         // first key >= `key`
  void seek_before(std::string_view key);  // last key < `key`
  void seek_last();
  void next();
  void prev();
  bool valid() const;
  std::string_view key() const;
  const Entry& entry() const;
  Slot slot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ListQuery {
  std::string prefix;
  std::string delimiter;                // one key or common prefix for all keys alike up to it; empty: none
  std::optional<std::string> start;     // inclusive
  std::optional<std::string> after;     // exclusive: a cursor
  std::optional<std::string> end;       // exclusive
  std::optional<std::string> end_incl;  // inclusive
  bool reverse = false;
  size_t limit = 1000;
};
/// Calls `on_key(key, entry)` or, for a group of keys, `on_prefix(prefix)`, in order, until `limit` were given or one
/// returns false. Returns what to pass as `after` for the rest, or nullopt at the end.
std::optional<std::string> list_keys(const ReadTxn& txn, DirId collection, const ListQuery& query,
                                     const std::function<bool(std::string_view, const Entry&)>& on_key,
                                     const std::function<bool(std::string_view)>& on_prefix = {});

/// Removes up to `count_max` values of the collection; directories that become empty go too (explicit ones only with
/// `everything`). Returns how many values went: call again until 0.
Result<size_t> clear_collection(WriteTxn& txn, DirId collection, size_t count_max, bool everything = false);

struct CollectionInfo {
  std::string name;
  DirId id = 0;
  uint64_t keys = 0;
  uint64_t bytes = 0;
  Settings settings;
};
std::vector<CollectionInfo> list_collections(const ReadTxn& txn, DirId tenant);
std::vector<CollectionInfo> list_tenants(const ReadTxn& txn);

Settings settings_of(const ReadTxn& txn, DirId dir);
void set_settings(WriteTxn& txn, DirId dir, const Settings& settings);

}  // namespace kvfs
