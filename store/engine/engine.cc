#include "store/engine/engine.h"

#include "store/engine/journaled_engine.h"
#include "store/engine/memory_engine.h"

namespace kvfs {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options) {
  if (options.kind == "memory") return open_memory_engine(options);
  if (options.kind != "lmdb") return Error{Errc::invalid, "engine \"" + options.kind + "\" is none of lmdb, memory"};
  if (options.path.empty()) return Error{Errc::invalid, "the store's path is empty"};
  try {
    auto engine = JournaledEngine::open(options);
    if (!engine) return engine.error();
    return std::unique_ptr<Engine>(std::move(*engine));
  } catch (const StoreException& damage) {
    return damage.error();
  }
}

}  // namespace kvfs
