#include "store/trash_policy.h"

#include <algorithm>

namespace kvfs {

uint64_t TrashPolicy::keep_ms(DirId tenant, DirId collection) const {
  const std::lock_guard lock(mutex_);
  for (const DirId dir : {collection, tenant})
    if (const auto own = own_.find(dir); own != own_.end() && own->second.keep_ms) return *own->second.keep_ms;
  return options_.keep_ms;
}

TrashPolicy::Limits TrashPolicy::limits(DirId tenant) const {
  const std::lock_guard lock(mutex_);
  Limits limits{options_.keys_max, options_.bytes_max};
  const auto own = own_.find(tenant);
  if (own == own_.end()) return limits;
  if (own->second.keys_max != 0) limits.keys = own->second.keys_max;
  if (own->second.bytes_max != 0) limits.bytes = own->second.bytes_max;
  return limits;
}

void TrashPolicy::decide_locked() {
  const bool anybody =
      std::any_of(own_.begin(), own_.end(), [](const auto& each) { return each.second.keep_ms.value_or(0) != 0; });
  keeps_ = (options_.keep_ms != 0 || anybody) && !paused_;
}

void TrashPolicy::set_options(const TrashOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
  decide_locked();
}

void TrashPolicy::set_settings(DirId dir, const Settings& settings) {
  const std::lock_guard lock(mutex_);
  if (!settings.trash_keep_ms && settings.trash_keys == 0 && settings.trash_bytes == 0)
    own_.erase(dir);
  else
    own_[dir] = {settings.trash_keep_ms, settings.trash_keys, settings.trash_bytes};
  decide_locked();
}

void TrashPolicy::pause(bool paused) {
  const std::lock_guard lock(mutex_);
  paused_ = paused;
  decide_locked();
}

TrashPolicy::Use TrashPolicy::use(DirId tenant) const {
  const std::lock_guard lock(mutex_);
  if (tenant != 0) {
    const auto found = uses_.find(tenant);
    return found == uses_.end() ? Use{} : found->second;
  }
  Use all;
  for (const auto& [id, use] : uses_) {
    all.keys += use.keys;
    all.bytes += use.bytes;
  }
  return all;
}

void TrashPolicy::add_use(DirId tenant, int64_t keys, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  Use& use = uses_[tenant];
  use.keys += static_cast<uint64_t>(keys);
  use.bytes += static_cast<uint64_t>(bytes);
  if (use.keys == 0) uses_.erase(tenant);
}

std::vector<DirId> TrashPolicy::tenants() const {
  const std::lock_guard lock(mutex_);
  std::vector<DirId> out;
  for (const auto& [id, use] : uses_) out.push_back(id);
  return out;
}

}  // namespace kvfs
