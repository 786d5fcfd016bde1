// What a commit changed, as the feed tells it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/entry.h"

namespace kvfs {

/// Who made a change, so that a door can pass over its own. Doors take theirs from Store::new_origin().
using Origin = uint32_t;
inline constexpr Origin kNoOrigin = 0;

enum class ChangeKind : uint8_t {
  put,         // a value was made or replaced
  remove,      // a value was removed
  expire,      // a value was removed because its time had come
  attributes,  // mode, owner, times, xattrs, TTL
  make,        // a directory or special file was made
  remove_dir,  // a directory was removed
  rename,      // `key` became `to_key`; the subtree moved with it
  link,        // another name for a file
  evict,       // a value was removed to make room
};
std::string_view to_string(ChangeKind kind);

/// With texts of its own (Change), or views of what its maker holds (ChangeView).
template <class Text>
struct BasicChange {
  uint64_t id = 0;  // feed position: the version of the change, strictly growing, also across restarts
  ChangeKind kind = ChangeKind::put;
  Origin origin = kNoOrigin;
  bool created = false;  // put: the key did not exist before
  ValueType type = ValueType::bytes;
  Kind node = Kind::file;

  Text tenant;
  Text collection;  // empty: the change is to a tenant or a collection's own directory
  Text key;         // full key; of a directory without the trailing '/'

  /// For kernel invalidation: the row that changed, and its inode (0 where not known).
  DirId dir = 0;
  Text name;
  Inode inode = 0;
  uint64_t size = 0;
  Version version = 0;
  /// What the client's command calls this change ("incrby"), for keyspace events; static storage; empty: the kind says.
  std::string_view event;

  /// rename and link only: where to. (collection stays within the tenant but may differ.)
  Text to_collection;
  Text to_key;
  DirId to_dir = 0;
  Text to_name;
  Inode replaced_inode = 0;  // what the rename replaced, 0: nothing
};

struct Change : BasicChange<std::string> {};
using ChangePtr = std::shared_ptr<const Change>;

struct ChangeView : BasicChange<std::string_view> {
  /// Keeps the bytes of keys that are made for it.
  std::unique_ptr<std::string> joined_key;
  std::unique_ptr<std::string> joined_to_key;
};

}  // namespace kvfs
