// An engine that commits every transaction to LMDB, durably: correct and simple.
#pragma once

#include <memory>

#include "store/engine/engine.h"

namespace kvfs {

/// Errors: as open_engine().
Result<std::unique_ptr<Engine>> open_lmdb_engine(const EngineOptions& options);

}  // namespace kvfs
