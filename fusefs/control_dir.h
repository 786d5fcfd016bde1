// The control directory `.kvfs` in the mount's root and in each tenant's root: files that are made when they are
// opened. Looked up by name, never listed by its parent. Knows nothing of libfuse.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fusefs/caller.h"
#include "store/key.h"
#include "store/result.h"

namespace kvfs {

inline constexpr std::string_view kControlDirName = ".kvfs";
inline constexpr std::string_view kSnapshotsDirName = "snapshots";

/// Inode numbers with this bit are of control directories: bit, directory that it stands in << 8, file number.
inline constexpr Inode kControlInodes = Inode{1} << 63;
inline bool is_control(Inode inode) { return (inode & kControlInodes) != 0; }

struct ControlFile {
  std::string name;
  bool in_tenants = false;  // also in each tenant's `.kvfs`
  /// The text, for the tenant with this directory or, 0, for all. Called once per open, by who opens.
  std::function<std::string(DirId tenant, const Caller& reader)> read;
  /// Takes what was written, at close; null: read-only.
  std::function<Result<void>(DirId tenant, std::string_view text)> write = {};
};

/// Immutable after construction: all functions may be called from any thread.
class ControlDir {
 public:
  /// REQUIRES: fewer than kSnapshotsNumber files.
  explicit ControlDir(std::vector<ControlFile> files);

  /// The control directory that stands in `parent` (kRootDir or a tenant's directory).
  static Inode directory_in(DirId parent) { return kControlInodes | parent << 8; }
  static bool is_directory(Inode inode) { return (inode & 0xff) == 0 || is_snapshots(inode); }
  /// `.kvfs/snapshots`: what is in it is not this class's business.
  static bool is_snapshots(Inode inode) { return (inode & 0xff) == kSnapshotsNumber; }
  /// The directory it stands in.
  static DirId parent_of(Inode inode) { return (inode & ~kControlInodes) >> 8; }

  /// Errors: not_found.
  Result<Inode> lookup(Inode directory, std::string_view name) const;
  /// Errors: stale.
  Result<struct stat> attributes(Inode inode) const;
  /// Errors: stale, is_directory.
  Result<std::string> read(Inode file, const Caller& reader) const;
  /// Errors: stale, not_permitted (the file is not writable); of the file.
  Result<void> write(Inode file, std::string_view text) const;
  bool writable(Inode file) const;

  struct Listed {
    std::string_view name;
    Inode inode;
  };
  std::vector<Listed> list(Inode directory) const;

 private:
  static constexpr Inode kSnapshotsNumber = 0xfe;
  const ControlFile* find(Inode inode) const;
  const std::vector<ControlFile> files_;
  const timespec made_;
};

}  // namespace kvfs
