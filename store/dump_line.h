// The lines of a dump: JSON objects, one a line (docs/format.md, "Dump"). Knows nothing of transactions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/entry.h"

namespace kvfs {

inline constexpr uint64_t kDumpFormat = 1;
inline constexpr size_t kDumpLineBytesMax = 256 * 1024 * 1024;

struct DumpLine {
  enum class What {
    header,  // first line
    root,
    tenant,
    collection,
    directory,  // of keys
    node,       // a value, symlink or special file
    name,       // one more name of a node with several
    part,       // bytes of the node before
    members,    // members of the set before, where they are many
    end,        // last line
  };
  What what = What::node;

  uint64_t format = kDumpFormat;  // header
  std::string tenant;
  std::string collection;
  std::string key;  // of a directory: with '/' at its end

  /// Attributes of what has any. Its views point into the strings below; inode, nlink and counters are not set.
  Entry entry;
  std::string content_type;
  std::string xattrs;  // encoded
  std::optional<Settings> settings;
  uint64_t link_id = 0;  // the same for all names of a file; 0: it has one name

  std::string state;    // of a counter or set, as in its entry
  std::string value;    // of a set with a state: its text, once `bytes` has been taken
  std::string members;  // of a large set: what its lines of members held

  /// The value or target, or the bytes of a part or of members. nullopt of a node: parts or members follow.
  std::optional<std::string> bytes;
  uint64_t offset = 0;   // part
  uint64_t entries = 0;  // end: how many lines of directories, nodes and names there were
};

/// With a newline at its end.
std::string write_dump_line(const DumpLine& line);
/// Unknown members are ignored. Errors: invalid (names the member), unsupported (an unknown kind of line or format).
Result<DumpLine> read_dump_line(std::string_view text);

}  // namespace kvfs
