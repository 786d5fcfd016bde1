// Verifies a store: every row, index, counter and chunk, against each other; and mends what can be derived from the
// rest. Works on the engine, so that a store that is too damaged to be opened can be checked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/engine/engine.h"
#include "store/progress.h"

namespace kvfs {

class Store;

/// One thing that is wrong.
struct CheckFinding {
  std::string where;      // a path such as "acme/default/a/b", or what stands for one; printable
  std::string what;       // printable
  bool mendable = false;  // can be derived from the rest
  bool mended = false;    // has been
};

struct CheckOptions {
  bool repair = false;
  bool read_chunks = true;  // verify the bytes of every chunk, not only that they are accounted for
  /// Nobody writes meanwhile, so that the space of chunks can be accounted for. Implied by `repair`.
  bool exclusive = true;
  size_t findings_max = 10'000;                         // kept in the report; more are counted
  std::function<void(const CheckFinding&)> on_finding;  // as each is found, also beyond findings_max; mended is not set
  ProgressFn progress;
};

struct CheckReport {
  std::vector<CheckFinding> findings;
  uint64_t found = 0;   // all findings
  uint64_t mended = 0;  // of them
  uint64_t rows = 0;
  uint64_t directories = 0;
  uint64_t values = 0;
  uint64_t chunks = 0;
  uint64_t chunk_bytes = 0;
  bool sound() const { return found == mended; }
};

/// Memory: a bit or so for each inode and each 4 KiB page of chunks, some 100 bytes for each hard-linked file and each
/// of at most a million directories. Damage that keeps a table from being read becomes a finding, too. With `repair`,
/// what cannot be reached from the root is put into the tenant "lost+found" if nothing says where it belongs. Repair
/// writes rows only; damaged chunks and damaged entries stay as they are and are reported. REQUIRES with `repair`:
/// nobody else uses the engine, and no chunk has been appended since it was opened.
CheckReport check_engine(Engine& engine, const CheckOptions& options = {});

/// The same of an open store, without repair. Unless options.exclusive is false, nothing may write meanwhile.
CheckReport check_store(Store& store, CheckOptions options = {});

}  // namespace kvfs
