// Names in directories: what the mount does with the store. Rules of POSIX that need the store's state are here;
// permission by mode bits is the kernel's (default_permissions). All names are components (see key.h), not file names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/txn.h"
#include "store/value.h"

namespace kvfs {

/// The entry in the row of `slot`; hard links resolved, expired values absent. Its views point into the transaction.
/// Errors: not_found.
Result<Entry> find_entry(const ReadTxn& txn, const Slot& slot);

/// The entry a file system shows at this name: the directory if there is one, otherwise the value. `slot.directory` is
/// set accordingly. Errors: not_found.
struct Found {
  Slot slot;
  Entry entry;
};
Result<Found> find_name(const ReadTxn& txn, DirId dir, std::string_view component);

/// The entry of an open inode wherever its row is now. `hint` is tried first. `at` is where it was found (dir 0: it has
/// no name any more, or is reached by inode). Errors: stale.
struct Located {
  Slot slot;         // dir 0: an orphan
  std::string name;  // keeps slot.name alive
  Entry entry;
};
Result<Located> find_inode(const ReadTxn& txn, Inode inode, const Slot& hint);

/// The root directory itself (inode kRootDir).
Entry root_entry(const ReadTxn& txn);

/// Where `dir` stands. Errors: stale (no such directory).
Result<DirPathPtr> dir_path(const ReadTxn& txn, DirId dir);

struct NewNode {
  Kind kind = Kind::file;
  uint32_t mode = 0644;
  uint32_t umask = 0;  // taken from the mode, unless the directory has a default access control list instead
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t rdev = 0;
  std::string_view target;       // symlink
  std::string_view xattrs = {};  // encoded
};
/// Makes a file, directory or special file. At depth 0 a directory is a tenant, at depth 1 a collection; other kinds
/// are refused there (not_permitted). A setgid parent passes on its group (and, to directories, the bit), one with a
/// default access control list that list (acl.h).
/// Errors: exists, name_too_long, invalid (a bad tenant or collection name), not_permitted, quota_exceeded, no_space.
Result<Entry> make_node(WriteTxn& txn, DirId dir, std::string_view component, const NewNode& node);

/// Makes a file in a directory that has no name there yet: link() gives it one, else it goes when it is released.
/// REQUIRES: the caller holds the inode (Store::hold_inode) before this transaction ends. Errors: not_permitted,
/// no_space.
Result<Entry> make_unnamed(WriteTxn& txn, DirId dir, const NewNode& node);

/// Removes a name of anything but a directory. An inode that is open stays readable as an orphan. `directory` of the
/// slot must be false. Implicit directories that become empty go too. Errors: not_found, is_directory.
Result<void> unlink(WriteTxn& txn, const Slot& slot);

/// Errors: not_found, not_empty (live entries, or the directory has a value of its own), not_directory.
Result<void> remove_directory(WriteTxn& txn, DirId dir, std::string_view component);

enum class RenameMode { replace, no_replace, exchange };
struct Renamed {
  Inode inode = 0;         // of what had the name `from`
  bool directory = false;  // likewise
};
/// rename(2), renameat2(2). `from` and `to` name rows as found by find_name (`to.directory` is ignored: what is there
/// decides). A directory's own value moves with it.
/// Errors: not_found, exists, is_directory, not_directory, not_empty, invalid / loop (below itself), cross_tenant,
/// not_permitted (tenants and collections are renamed only within their level).
Result<Renamed> rename(WriteTxn& txn, const Slot& from, const Slot& to, RenameMode mode);

/// Likewise for the values in exactly these rows, whether directories of these names exist or not; `no_replace` and
/// `exchange` as above. Errors: not_found, exists, cross_tenant (hard-linked files stay in their collection).
Result<Renamed> rename_value(WriteTxn& txn, const Slot& from, const Slot& to, RenameMode mode);

/// Another name for a file (never for a directory). Errors: exists, not_permitted, too_many_links, cross_tenant.
Result<Entry> link(WriteTxn& txn, const Located& file, DirId dir, std::string_view component);

/// What to change; nullopt: leave.
struct AttributeChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
  std::optional<uint64_t> expires_ms;  // 0: never. Not for directories: invalid
  std::optional<uint64_t> default_ttl_ms;
  std::optional<std::string> content_type;
  std::optional<std::string> xattrs;  // encoded, replaces all; without them an access control list follows the mode
  bool keeps_version = false;         // atime alone does not make a new version
  bool keeps_ctime = false;
};
Result<Entry> set_attributes(WriteTxn& txn, const Located& node, const AttributeChange& change);

/// Notes when something was read, unless a later time stands there: nothing else changes, and nobody is told.
/// Errors: stale.
Result<void> set_access_time(WriteTxn& txn, const Located& node, int64_t atime_ns);

/// Publishes a value (or a truncation). mtime and ctime become now unless given.
struct ValueChange {
  std::optional<Version> if_version;  // stale if the entry has another
  std::optional<int64_t> mtime_ns;
  std::optional<int64_t> ctime_ns;  // never goes back
  uint32_t clears_mode = 0;         // mode bits that a write takes away: setuid, setgid
  /// Of a counter or set: the value's bytes from here on were appended to what was there; nothing else changed.
  std::optional<uint64_t> appended_from;
};
Result<Entry> set_value(WriteTxn& txn, const Located& node, const StagedValue& value, const ValueChange& change = {});

/// Makes the value one of this type, its text staying (typed_value.h). Errors: invalid (no text of such a value; no
/// file), value_too_large.
Result<Entry> set_type(WriteTxn& txn, const Located& node, ValueType type);

/// Reads a directory in the byte order of its rows (a directory "a" stands as "a/"). A name with a directory and a
/// value appears once, as the directory; inside the directory its value is not listed here (see own_value). Expired
/// values are passed over. Uses one engine cursor.
class DirectoryCursor {
 public:
  /// `after`: a position() of an earlier cursor; nullopt: the start. Names made or removed meanwhile do not disturb:
  /// every name that was there all the time is met exactly once.
  DirectoryCursor(const ReadTxn& txn, DirId dir, std::optional<std::string_view> after);
  bool valid() const { return valid_; }
  void next();
  /// Views, valid until next() or the transaction ends.
  std::string_view component() const { return slot_.name; }
  const Slot& slot() const { return slot_; }
  const Entry& entry() const { return entry_; }
  /// Where to go on after this entry: its component, with '/' at its end for a directory.
  std::string position() const;

 private:
  void settle();
  const ReadTxn& txn_;
  std::string prefix_;
  std::unique_ptr<Cursor> cursor_;
  Slot slot_;
  Entry entry_;
  bool valid_ = false;
};

/// A value was used: what eviction and the counts of hits and misses go by. `slot`: null where there was none.
void note_read(const ReadTxn& txn, DirId collection, const Slot* slot);
void note_write(const WriteTxn& txn, const DirPath& path, const Slot& slot, bool made);

/// The value whose name is this directory (the mount's "%:value"). Errors: not_found.
Result<Found> own_value(const ReadTxn& txn, DirId dir);

/// True if the directory has no live entry.
bool is_empty_directory(const ReadTxn& txn, DirId dir);

}  // namespace kvfs
