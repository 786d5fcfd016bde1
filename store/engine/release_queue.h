// Chunks that commits gave up, kept until those commits are durable and no reader can see the chunks any more.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "store/engine/engine.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class ReleaseQueue {
 public:
  /// Called in commit order.
  void add(Sequence commit, std::vector<ChunkRef>&& refs);
  /// Takes out what commits up to `durable` gave up and readers at `oldest_reader` or later do not see.
  std::vector<ChunkRef> take(Sequence durable, Sequence oldest_reader);
  bool empty() const;

 private:
  struct Released {
    Sequence commit;
    std::vector<ChunkRef> refs;
  };
  mutable std::mutex mutex_;
  std::deque<Released> queue_;  // guarded by mutex_
};

}  // namespace kvfs
