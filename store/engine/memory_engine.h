// The engine that keeps everything in memory and nothing after the process: for caches and tests.
#pragma once

#include <memory>

#include "store/engine/engine.h"

namespace kvfs {

/// `max_size_bytes` limits keys, values and chunks; 0: no limit.
std::unique_ptr<Engine> open_memory_engine(const EngineOptions& options);

}  // namespace kvfs
