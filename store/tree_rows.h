// Internal to store/: the row operations that tree.cc, rename.cc, keyspace.cc and expiry.cc share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/keyspace.h"
#include "store/runtime.h"
#include "store/tree.h"

namespace kvfs::rows {

/// The entry in the row, also if it has expired; hard links resolved. Throws StoreException if damaged.
std::optional<Entry> load(const Snapshot& rows, const Slot& slot);
std::optional<Entry> load_inode(const Snapshot& rows, Inode inode);

/// Writes the entry to the row it was read from.
void store(WriteTxn& txn, const Slot& slot, const Entry& entry);

/// A change of the row at `slot`, its path filled in; give it to txn.record() while `path` and the slot's name live.
/// Every change comes by here, so this is where the transaction is held to the durability of where the change is.
ChangeView describe(WriteTxn& txn, ChangeKind kind, const DirPath& path, const Slot& slot, const Entry& entry);

/// `prefix` and `name` in one text, which `storage` keeps.
std::string_view join(std::string_view prefix, std::string_view name, std::unique_ptr<std::string>& storage);

/// The transaction is at least as durable as the tenant and the collection that `path` is in demand.
void require_durability(WriteTxn& txn, const DirPath& path);

/// What a change of an entry's expiry does to the expiry index; 0: nothing there.
struct IndexMove {
  uint64_t from_ms = 0;
  uint64_t to_ms = 0;
};
/// Sets the expiry of `entry`, which is then to be stored, and after that the index to be moved. A row of the index may
/// stay where it is when the expiry is put off: whoever finds it due moves it. It is early by no more than the time
/// that it had still to go, so that the index tells about what expires next.
IndexMove expires_at(Entry& entry, uint64_t expires_ms, uint64_t now_ms);
/// Moves the row of the expiry index of the entry at `slot`.
void move_index(WriteTxn& txn, const DirPath& path, const Slot& slot, const IndexMove& move);

/// Adds to the counters of the collection that `path` is in, and of its tenant.
void count(WriteTxn& txn, const DirPath& path, int64_t keys, int64_t bytes);
/// 1 for what listings of keys show, else 0.
int64_t keys_of(const Entry& entry);

/// Errors: quota_exceeded, naming the limit, where this transaction has made a tenant or the store grow beyond it.
/// Where a policy lets others go for it, that is judged when the transaction ends (eviction.cc).
Result<void> check_quota(WriteTxn& txn);
/// Errors: as above; the transaction's shortage says how much room is missing.
Result<void> check_quota_at_end(WriteTxn& txn);
/// Removes the value at `slot` to make room. False: it is not there, or must stay: only files with one name that are
/// not open go.
bool evict(WriteTxn& txn, const Slot& slot, bool only_volatile);

/// Whether a value that is removed may go into the trash.
enum class Removal { may_be_kept, for_good };
/// Removes the value at `slot` (its row, chunks, expiry, count), or makes it an orphan if it is open; touches the
/// directory. Records a change of `kind` with a new version, which is returned. What is removed (not: expires, is
/// evicted) goes into the trash where there is one.
Version erase_value(WriteTxn& txn, const DirPath& path, const Slot& slot, const Entry& entry, ChangeKind kind,
                    Removal removal = Removal::may_be_kept);
/// Removes the value of a key, for good where that is said: see kvfs::remove().
Result<Version> remove_key(WriteTxn& txn, DirId collection, std::string_view key, const Precondition& precondition,
                           Removal removal);
/// Ends an inode that has no name any more: into the trash where its removal says so, otherwise for good.
Result<void> erase_orphan(WriteTxn& txn, Inode inode);
/// Gives back all chunks of an inode.
void erase_chunks(WriteTxn& txn, Inode inode);

/// The live value at `slot`; one that has expired is removed first.
std::optional<Entry> load_live(WriteTxn& txn, const DirPath& path, const Slot& slot);

/// Whether an entry of this kind may stand in a directory at this name. Errors: as make_node().
Result<void> check_component(const DirPath& parent, std::string_view component, Kind kind);
/// The row of a key, its directories made. `slot.name` is a view into `key`. Errors: not_found (the collection).
Result<DirPathPtr> ensure_place(WriteTxn& txn, DirId collection, std::string_view key, Slot& slot);

/// Makes a directory row. `entry` gives kind-independent attributes; inode, version and times are set here.
Result<Entry> make_directory(WriteTxn& txn, const DirPath& parent, std::string_view component, Entry entry);

/// Removes directories upwards from that of `gone`, whose row has just gone, as long as they are implicit and empty.
void prune_implicit(WriteTxn& txn, const Slot& gone);
/// As kvfs::remove_directory(), but the directory it was in stays.
Result<void> remove_empty_directory(WriteTxn& txn, DirId dir, std::string_view component);
/// Whether the directory has rows, be they of values that have expired and were not swept yet. `near` is a row of it,
/// or one that was there: the search begins there.
bool has_rows(const WriteTxn& txn, DirId dir, std::string_view near);
/// Removes an empty directory's rows; records remove_dir.
void erase_directory(WriteTxn& txn, const DirPath& path, const Entry& entry);
/// Likewise, where the directory above is known already.
void erase_directory(WriteTxn& txn, const DirPath& parent, const DirPath& path, const Entry& entry);

/// Whether there is a directory of the same name as the value at `slot`. Cheap where `path` has no directories.
bool is_shadowed(WriteTxn& txn, const DirPath& path, const Slot& slot);
/// Sets or clears the mark of a value whose name is a directory, too.
void mark_shadowed(WriteTxn& txn, const Slot& value, bool shadowed);

/// Changes entry's value as staged. `storage` keeps bytes alive that entry.inline_value then points to. Counts the
/// difference to `path`'s collection unless `path` is null (orphans).
Result<void> apply_value(WriteTxn& txn, const DirPath* path, Entry& entry, const StagedValue& value,
                         std::string& storage);

/// Sets entry's value to `bytes`, in chunks that are given back if the transaction does not commit.
/// REQUIRES: bytes.size() > kInlineBytesMax.
Result<void> write_chunks(WriteTxn& txn, const DirPath& path, Entry& entry, std::string_view bytes);

/// Removes everything below a directory, at most `count_max` entries; returns how many went.
Result<size_t> erase_tree(WriteTxn& txn, DirId dir, size_t count_max);

/// Writes all directory deltas and leases; the last thing a transaction does.
void finish(WriteTxn& txn);

}  // namespace kvfs::rows
