#include "store/uses.h"

#include <mutex>

namespace kvfs {

ArcList& Uses::arc(DirId tenant) {
  const std::unique_lock lock(mutex_);
  std::unique_ptr<ArcList>& arc = arcs_[tenant];
  if (!arc) arc = std::make_unique<ArcList>(ghosts_max_);
  return *arc;
}

void Uses::made_known(DirId tenant, const Slot& slot, uint64_t now_ms) {
  const uint64_t hash = AccessHistory::hash(slot.dir, slot.name);
  ArcList* arc = nullptr;
  {
    const std::shared_lock lock(mutex_);
    const auto found = arcs_.find(tenant);
    if (found != arcs_.end()) arc = found->second.get();
  }
  history.made(hash, now_ms, arc != nullptr && arc->made(slot, hash));
}

}  // namespace kvfs
