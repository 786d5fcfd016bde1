#include "store/engine/engine.h"

#include "store/engine/lmdb_engine.h"
#include "store/engine/memory_engine.h"

namespace kvfs {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options) {
  if (options.kind == "memory") return open_memory_engine(options);
  if (options.kind != "lmdb") return Error{Errc::invalid, "engine \"" + options.kind + "\" is none of lmdb, memory"};
  if (options.path.empty()) return Error{Errc::invalid, "the store's path is empty"};
  try {
    return open_lmdb_engine(options);
  } catch (const StoreException& damage) {
    return damage.error();
  }
}

}  // namespace kvfs
