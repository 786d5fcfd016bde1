#include "store/engine/release_queue.h"

#include <algorithm>
#include <utility>

namespace kvfs {

void ReleaseQueue::add(Sequence commit, std::vector<ChunkRef>&& refs) {
  const std::lock_guard lock(mutex_);
  queue_.emplace_back();  // what throws leaves `refs` as they are
  queue_.back() = {commit, std::move(refs)};
}

std::vector<ChunkRef> ReleaseQueue::take(Sequence durable, Sequence oldest_reader) {
  const std::lock_guard lock(mutex_);
  const auto ended = std::find_if(queue_.begin(), queue_.end(), [&](const auto& each) {
    return each.commit > durable || each.commit > oldest_reader;
  });
  std::vector<ChunkRef> taken;
  // Nothing leaves the queue before all have their place.
  for (auto each = queue_.begin(); each != ended; ++each)
    taken.insert(taken.end(), each->refs.begin(), each->refs.end());
  queue_.erase(queue_.begin(), ended);
  return taken;
}

bool ReleaseQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

}  // namespace kvfs
