#include "store/progress.h"

#include "store/engine/engine.h"

namespace kvfs {

uint64_t rows_about(const Engine& engine) {
  uint64_t rows = 0;
  for (const auto& [name, number] : engine.stats())
    if (name == "rows" || name == "base_rows" || name == "memtable_entries") rows += number;
  return rows;
}

}  // namespace kvfs
