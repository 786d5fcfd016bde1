// The one seam between the engine and the operating system's files. A test can put another implementation behind it.
// Knows bytes, offsets and names; nothing of journals or chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs {

/// The Errc of an errno value: ENOSPC, EDQUOT and EFBIG are no_space, EACCES and EPERM access_denied, ENOENT not_found,
/// EEXIST exists, EROFS read_only, EMFILE and ENFILE limit_reached, all others io.
Errc errc_of_errno(int errno_value);

/// "pwrite /srv/kvfs/x: No space left on device"; without memory for it the code alone.
Error io_error(std::string_view operation, std::string_view path, int errno_value) noexcept;

/// An open file, for reading and writing. Interrupted and short operations are continued; an error's detail names the
/// operation, the path and the cause. After an error of a write the range's content is undefined.
/// Thread safety: all but close() may be called from any thread; overlapping writes are not ordered.
class File {
 public:
  virtual ~File() = default;

  virtual Result<void> write_at(uint64_t offset, std::string_view bytes) = 0;
  /// Writes at the file's end. REQUIRES: no concurrent append().
  virtual Result<void> append(std::string_view bytes) = 0;
  /// Returns the bytes read: fewer than `length` only at the file's end.
  virtual Result<size_t> read_at(uint64_t offset, size_t length, char* out) const = 0;
  /// The range will be read soon: begins to bring it from the disk, without waiting for it. A hint, which may be
  /// ignored.
  virtual void will_need(uint64_t /*offset*/, uint64_t /*length*/) const {}
  virtual Result<uint64_t> size() const = 0;

  /// fdatasync(2): all completed writes (and the size they need) survive power loss. After an error nothing may be
  /// assumed of any write since the last success, even if a later call succeeds: do not retry, stop writing.
  virtual Result<void> sync() = 0;

  virtual Result<void> truncate(uint64_t size) = 0;
  /// Reserves disk space for a range and makes the file at least that long; new bytes read as zeros.
  virtual Result<void> allocate(uint64_t offset, uint64_t length) = 0;
  /// Gives the range's disk space back; it reads as zeros, the size stays. `unsupported` where the file system cannot.
  virtual Result<void> punch_hole(uint64_t offset, uint64_t length) = 0;

  /// Reports what the destructor, which closes too, could not. Only the first call has an effect.
  virtual Result<void> close() = 0;
};

/// A directory; names are single components. Thread safety: any thread.
class Directory {
 public:
  enum class Open {
    existing,      // not_found where absent
    create_new,    // exists where present; mode 0600
    open_or_make,  // either
  };

  virtual ~Directory() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& name, Open how) = 0;
  /// Names of regular files, sorted.
  virtual Result<std::vector<std::string>> list() const = 0;
  /// Replaces `to` where it exists.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> unlink(const std::string& name) = 0;
  /// Makes creations, renames and unlinks so far survive power loss.
  virtual Result<void> sync() = 0;
  /// For messages.
  virtual const std::string& path() const = 0;
};

/// Opens a directory of the local file system, made if absent (mode 0700, its parent synced). Errors: not_found (no
/// parent), access_denied, not_directory, io.
Result<std::unique_ptr<Directory>> open_directory(const std::string& path);

}  // namespace kvfs
