// An entry: what a name maps to, and its encoding in a row (docs/format.md). Knows nothing of engines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/engine/chunk_store.h"
#include "store/eviction_policy.h"
#include "store/key.h"
#include "store/result.h"

namespace kvfs {

inline constexpr uint32_t kChunkBytes = 64 * 1024;     // every chunk of a value but the last is this long
inline constexpr uint32_t kInlineBytesMax = 8 * 1024;  // larger values are chunked
inline constexpr uint32_t kXattrsBytesMax = 256 * 1024;
inline constexpr uint32_t kContentTypeBytesMax = 255;
inline constexpr uint32_t kLinksMax = 65000;
inline constexpr uint64_t kValueBytesMax = uint64_t{1} << 46;  // 64 TiB

/// DO NOT CHANGE the numbers: on disk.
enum class Kind : uint8_t {
  file = 1,
  directory = 2,
  symlink = 3,
  fifo = 4,
  socket = 5,
  char_device = 6,
  block_device = 7,
  link = 8
};
enum class ValueType : uint8_t { bytes = 0, counter = 1, set = 2 };

/// 64-bit hybrid logical clock: 48 bits of milliseconds since 1970, 16 bits of counter. 0: none.
using Version = uint64_t;

inline constexpr uint32_t kModeMask = 07777;  // permission, setuid, setgid and sticky bits

/// Times are nanoseconds since 1970, UTC.
struct Entry {
  Kind kind = Kind::file;
  ValueType type = ValueType::bytes;
  bool implicit = false;  // directory made because a key needed it; goes away with its last entry
  bool shadowed = false;  // a value whose name is also a directory: in the mount it is the directory's "%:value"
  bool chunked = false;   // the value is not in inline_value: it lies in chunks under `inode`, or in element rows
  bool elements = false;  // of a large set: its members are element rows (set_rows.h); `chunked` is set, too

  uint32_t mode = 0;  // kModeMask bits only; the file type is `kind`
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t nlink = 1;  // of a directory: 2 + subdirectories
  uint32_t rdev = 0;
  Inode inode = 0;
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  int64_t btime_ns = 0;

  Version version = 0;
  uint64_t expires_ms = 0;        // since 1970; 0: never
  uint64_t indexed_early_ms = 0;  // where its row of the expiry index stands, if before expires_ms; 0: there
  uint64_t default_ttl_ms = 0;    // of a directory: given to values made below it; 0: none
  uint64_t size = 0;              // bytes of the value, or of the symlink's target
  uint64_t keys = 0;              // of a collection's or tenant's directory: values below it; of a set: its members
  uint64_t bytes = 0;             // of such a directory: what they occupy; of a chunked value: bytes that are stored

  /// Views: into the row the entry was decoded from, or whatever the caller set them to.
  std::string_view content_type;
  std::string_view xattrs;        // see xattr.h
  std::string_view inline_value;  // a symlink's target, a link's is empty
  std::string_view state;         // of a counter or set: what merging needs beside the value, see type_state.h

  /// Not encoded: read through a hard link or as an orphan, so that the row to write is inode_row(inode).
  bool by_inode = false;

  bool is_directory() const { return kind == Kind::directory; }
  /// Bytes counted against quotas: holes are free.
  uint64_t bytes_charged() const { return chunked ? bytes : size; }
  bool expired(uint64_t now_ms) const { return expires_ms != 0 && expires_ms <= now_ms; }
  /// Where its row of the expiry index stands; 0: it has none.
  uint64_t indexed_ms() const { return indexed_early_ms != 0 ? indexed_early_ms : expires_ms; }
};

/// The row value of `entry`. REQUIRES: sizes within the limits above.
std::string encode_entry(const Entry& entry);
/// Likewise, into memory that is used again: replaces what is in `out`.
void encode_entry(const Entry& entry, std::string& out);
/// The returned views point into `row`. Any bytes are safe to pass. Errors: corrupt.
Result<Entry> decode_entry(std::string_view row);
/// Likewise, into an entry that is new; returns what is wrong, or nothing.
std::string_view decode_entry(std::string_view row, Entry& entry);

/// Chunk rows. Errors of decode: corrupt.
std::string encode_chunk_row(const ChunkRef& ref);
Result<ChunkRef> decode_chunk_row(std::string_view row);

/// The extended attributes of an entry, encoded as in Entry::xattrs; names in byte order.
class Xattrs {
 public:
  using Map = std::vector<std::pair<std::string, std::string>>;
  /// Errors: corrupt.
  static Result<Map> decode(std::string_view encoded);
  static std::string encode(const Map& map);
  /// The value of one attribute, a view into `encoded`; nullopt where absent.
  static std::optional<std::string_view> find(std::string_view encoded, std::string_view name);
};

/// Settings of a tenant or collection, stored only where set. JSON in the row, so that fields can be added.
struct Settings {
  uint64_t quota_bytes = 0;  // 0: none
  uint64_t quota_keys = 0;
  std::string fsync;  // empty: the store's policy
  bool require_preconditions = false;
  std::optional<EvictionPolicy> eviction;  // of a tenant; none: the store's
  uint64_t eviction_samples = 0;           // 0: the store's
  std::optional<uint64_t> trash_keep_ms;   // none: the tenant's or the store's; 0: nothing is kept
  uint64_t trash_keys = 0;                 // of a tenant; 0: the store's
  uint64_t trash_bytes = 0;                // likewise
  bool operator==(const Settings&) const = default;
};
std::string encode_settings(const Settings& settings);
Result<Settings> decode_settings(std::string_view row);

}  // namespace kvfs
