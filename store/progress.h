// How long operations tell how far they are. Knows nothing of terminals.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace kvfs {

struct Progress {
  std::string_view step;  // e.g. "rows"; a literal
  uint64_t done = 0;      // of the step, in its own units
  uint64_t total = 0;     // an estimate; 0: not known
  uint64_t bytes = 0;     // read or written so far
};

/// Called now and then from the thread that works; may be empty. What it throws, other than a StoreException, ends the
/// operation.
using ProgressFn = std::function<void(const Progress&)>;

class Engine;
/// About how many rows there are, for totals; recent changes may count twice.
uint64_t rows_about(const Engine& engine);

}  // namespace kvfs
