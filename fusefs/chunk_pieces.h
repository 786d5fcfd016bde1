// What was written of one chunk of a file, where the rest of it is not read yet: so that small writes all over a large
// file cost what they write, and not the chunks they fall into.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "store/engine/chunk_store.h"
#include "store/result.h"

namespace kvfs {

/// Runs of bytes that neither overlap nor touch, in memory, or moved to the chunk store. Gives back what it has moved
/// when it goes. Not thread-safe.
class ChunkPieces {
 public:
  explicit ChunkPieces(ChunkStore& chunks) : chunks_(chunks) {}
  ChunkPieces(const ChunkPieces&) = delete;
  ~ChunkPieces();

  /// False: it takes no more of them, and nothing has changed; the chunk is to be made whole.
  bool write(uint32_t at, std::string_view bytes);
  /// Lays what it has over `length` bytes that begin at `at`. Errors: of the chunk store.
  Result<void> read(uint32_t at, size_t length, char* out) const;
  /// All runs leave memory. Errors: of the chunk store; those that have not left stay.
  Result<void> move();
  /// The whole chunk, if that is what was written: nothing is left here then.
  std::optional<std::string> take_whole();

  uint64_t memory_bytes() const { return memory_bytes_; }
  uint64_t moved_bytes() const { return moved_bytes_; }
  uint64_t tick = 0;  // of the last write

 private:
  struct Run {
    std::string bytes;
    std::optional<ChunkRef> moved;
    uint32_t length() const { return moved ? moved->length : static_cast<uint32_t>(bytes.size()); }
  };
  using Runs = std::map<uint32_t, Run>;  // by where they begin
  Runs::iterator erase(Runs::iterator run);

  ChunkStore& chunks_;
  Runs runs_;
  uint64_t memory_bytes_ = 0;
  uint64_t moved_bytes_ = 0;
};

}  // namespace kvfs
