#include "respbridge/pauses.h"

#include <algorithm>

namespace kvfs::resp {

void Pauses::pause(const std::string& tenant, uint64_t until_ms, bool all) {
  const std::lock_guard lock(mutex_);
  Pause& pause = pauses_[tenant];
  pause.until_ms = std::max(pause.until_ms, until_ms);
  pause.all |= all;
  count_.store(pauses_.size());
}

void Pauses::end(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  pauses_.erase(tenant);
  count_.store(pauses_.size());
}

uint64_t Pauses::held_until_ms(const std::string& tenant, bool writes, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto pause = pauses_.find(tenant);
  if (pause == pauses_.end()) return 0;
  if (pause->second.until_ms > now_ms) return writes || pause->second.all ? pause->second.until_ms : 0;
  pauses_.erase(pause);
  count_.store(pauses_.size());
  return 0;
}

}  // namespace kvfs::resp
