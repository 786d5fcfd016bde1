#include "store/engine/release_queue.h"

#include <utility>

namespace kvfs {

void ReleaseQueue::add(Sequence commit, std::vector<ChunkRef> refs) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({commit, std::move(refs)});
}

std::vector<ChunkRef> ReleaseQueue::take(Sequence durable, Sequence oldest_reader) {
  const std::lock_guard lock(mutex_);
  std::vector<ChunkRef> taken;
  while (!queue_.empty() && queue_.front().commit <= durable && queue_.front().commit <= oldest_reader) {
    taken.insert(taken.end(), queue_.front().refs.begin(), queue_.front().refs.end());
    queue_.pop_front();
  }
  return taken;
}

bool ReleaseQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

}  // namespace kvfs
