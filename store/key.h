// What a key may be, how it splits into components, and the byte layout of every row key (docs/format.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

inline constexpr size_t kComponentBytesMax = 255;
inline constexpr size_t kKeyBytesMax = 4096;
/// Of a directory, from its collection on: renames of those above it may make it longer than any key, but what is below
/// one that is longer than this is out of reach until it is renamed back.
inline constexpr size_t kDirectoryPathBytesMax = 65'024;
inline constexpr size_t kTenantNameBytesMax = 255;
inline constexpr size_t kCollectionNameBytesMax = 255;

using Inode = uint64_t;
using DirId = Inode;  // a directory's rows are keyed by its inode number

// Of all rows; 1 had neither types with state nor elements, 2 had every expiry in the index at its very moment, 3 no
// trash.
inline constexpr uint64_t kRowsFormat = 4;

inline constexpr DirId kRootDir = 1;        // holds the tenants
inline constexpr Inode kFirstInode = 1024;  // smaller ones are reserved (control directory)

/// Errors: invalid (empty key), key_too_long, name_too_long (a component), each naming the limit.
Result<void> check_key(std::string_view key);
/// Likewise, of a key that may be below directories whose renaming made it longer than a key may be.
Result<void> check_tree_key(std::string_view key);
/// A tenant or collection name: 1..255 bytes, no '/' and no NUL, not "." nor "..", not ".kvfs", not beginning with
/// "%:".
Result<void> check_name(std::string_view name, std::string_view what);

/// Walks "a/b//c" as a, b, "", c. The last one is the value's component, the ones before are directories.
/// Views into the key.
class KeyComponents {
 public:
  explicit KeyComponents(std::string_view key) : rest_(key) {}
  /// True and sets `component` to the next directory component, or false when only the last one is left.
  bool next_directory(std::string_view& component);
  std::string_view last() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Where an entry's row lies: its directory, its component, and which of the two rows of that name.
/// `name` is a view; who keeps a Slot keeps the bytes alive.
struct Slot {
  DirId dir = 0;
  std::string_view name;
  bool directory = false;  // the row "name/"
};

/// First bytes of row keys. DO NOT CHANGE: on disk, see docs/format.md.
enum class Table : char {
  dirent = 'D',    // <dir 8B> <name>[/]                        -> Entry
  parent = 'P',    // <dir 8B>                                  -> <parent dir 8B> <name>
  chunk = 'B',     // <inode 8B> <chunk 4B>                     -> ChunkRow
  inode = 'I',     // <inode 8B>                                -> Entry of a hard-linked or orphaned file
  orphan = 'O',    // <inode 8B>  -> empty, or where it goes in the trash; unlinked but open, ended at start
  expiry = 'X',    // <tenant dir 8B> <ms 8B> <dir 8B> <name>   -> empty
  element = 'E',   // <owner 8B> <kind 1B> <place>              -> elements of large sets, see set_rows.h
  garbage = 'G',   // <owner 8B>                                -> empty; elements to be removed in the background
  removed = 'R',   // <collection dir 8B> <key or its hash>     -> tombstone of a key, see key_state.h
  trash = 'Z',     // <tenant dir 8B> [...]                     -> what was removed, see trash_rows.h
  settings = 'T',  // <tenant or collection dir 8B>             -> Settings
  meta = 'M',      // <name>                                    -> format version, id allocator, clock
};

std::string dirent_row(const Slot& slot);
/// Likewise, without an allocation. REQUIRES: a name of at most kComponentBytesMax bytes.
class DirentRow {
 public:
  explicit DirentRow(const Slot& slot);
  operator std::string_view() const { return {bytes_, size_}; }

 private:
  size_t size_;
  char bytes_[1 + sizeof(DirId) + kComponentBytesMax + 1];
};
/// Every dirent row of `dir` begins with this.
std::string dirent_prefix(DirId dir);
std::string parent_row(DirId dir);
std::string chunk_row(Inode inode, uint32_t chunk);
std::string chunk_prefix(Inode inode);
std::string inode_row(Inode inode);
std::string orphan_row(Inode inode);
std::string expiry_row(DirId tenant, uint64_t expires_ms, const Slot& slot);
std::string settings_row(DirId dir);
std::string meta_row(std::string_view name);
/// Every element row of `owner` begins with this.
std::string element_prefix(uint64_t owner);
/// Kinds of elements: hashes, lists and sorted sets will have theirs. DO NOT CHANGE: on disk.
inline constexpr char kMemberElement = 'm';
/// The row of a set's members that have this hash.
std::string member_row(uint64_t owner, uint64_t hash);
/// Likewise, without an allocation.
class MemberRow {
 public:
  MemberRow(uint64_t owner, uint64_t hash);
  operator std::string_view() const { return {bytes_, sizeof bytes_}; }

 private:
  char bytes_[1 + 8 + 1 + 8];
};
std::string garbage_row(uint64_t owner);

/// Decoders of row keys met in scans. Errors: corrupt.
Result<Slot> parse_dirent_row(std::string_view row);
struct ExpiryRow {
  DirId tenant = 0;
  uint64_t expires_ms = 0;
  Slot slot;
};
Result<ExpiryRow> parse_expiry_row(std::string_view row);

/// Smallest byte string greater than every string that begins with `prefix`; empty if there is none.
std::string prefix_end(std::string_view prefix);

}  // namespace kvfs
