// Whole copies of a store: hot backups, restoring them, and rewriting a store that has grown. Engine-independent: a
// copy is a new store that holds the rows of one snapshot and the chunks they refer to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "store/engine/engine.h"
#include "store/progress.h"

namespace kvfs {

class Store;

struct BackupOptions {
  /// Check the copy as `kvfs check` would before it gets its name.
  bool verify = true;
  ProgressFn progress;              // steps "copy" and "verify", in rows
  std::function<bool()> cancelled;  // asked now and then: give up; may be empty
};

struct BackupReport {
  uint64_t rows = 0;
  uint64_t chunks = 0;
  uint64_t bytes = 0;     // of rows and chunks
  Sequence sequence = 0;  // of the source: everything up to it is in the copy
};

/// Makes `directory` a store with everything that `source` holds at this moment; writes go on meanwhile. The copy is
/// complete, verified and durable when the directory appears under its name; until then it is `directory`.partial,
/// which an interrupted backup leaves behind and the next one replaces. The checksum of every chunk is verified on the
/// way. One snapshot is held all the time: space that others free is reused only afterwards. Errors: exists (the
/// directory exists and is not empty), busy (another backup to it is under way), corrupt (names what is damaged),
/// no_space, io, access_denied, not_found (parent directory), busy (cancelled).
Result<BackupReport> backup(Engine& source, const std::string& directory, const BackupOptions& options = {});
Result<BackupReport> backup(Store& source, const std::string& directory, const BackupOptions& options = {});

/// Makes a store at `target.path` from a backup, which stays as it is (but must be writable, to be locked). With
/// `replace`, a store that is there is replaced, in one step, once the copy is complete; without, that is `exists`.
/// Errors: as backup(), and busy (either one is in use).
Result<BackupReport> restore(const std::string& backup_directory, const EngineOptions& target, bool replace,
                             const BackupOptions& options = {});

}  // namespace kvfs
