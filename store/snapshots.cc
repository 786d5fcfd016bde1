#include "store/snapshots.h"

#include <fmt/format.h>

#include <algorithm>

namespace kvfs {

namespace {
constexpr uint64_t kLeasePollMs = 1000;

Error no_such(std::string_view name) { return {Errc::not_found, fmt::format("there is no snapshot {}", name)}; }
}  // namespace

NamedSnapshot::NamedSnapshot(std::string name, DirId tenant, Store& store)
    : name_(std::move(name)),
      tenant_(tenant),
      runtime_(store.runtime()),
      taken_ms_(store.now_ms()),
      rows_(store.engine().snapshot()),
      sequence_(rows_->sequence()) {}

Error NamedSnapshot::dropped() const { return {Errc::stale, fmt::format("the snapshot {} was dropped", name_)}; }

void NamedSnapshot::drop() {
  const std::lock_guard lock(mutex_);
  rows_.reset();
}

Snapshots::Snapshots(Store& store, SnapshotOptions options) : store_(store), options_(options) {
  watcher_ = std::make_unique<BackgroundTask>([this] {
    drop_ended();
    const std::lock_guard lock(mutex_);
    return snapshots_.empty() ? BackgroundTask::kNever : kLeasePollMs;
  });
  store_.add_stats(this, [this] { return stats(); });
}

Snapshots::~Snapshots() {
  store_.remove_stats(this);
  watcher_.reset();
  for (auto& [key, snapshot] : snapshots_) snapshot->drop();
}

uint64_t Snapshots::end_of_lease(uint64_t lease_ms) const {
  return store_.now_ms() + std::min(lease_ms == 0 ? options_.lease_ms_default : lease_ms, options_.lease_ms_max);
}

Result<Snapshots::Ptr> Snapshots::take(std::string_view name, DirId tenant, uint64_t lease_ms) {
  if (Result<void> ok = check_name(name, "snapshot"); !ok) return ok.error();
  if (tenant != 0) {
    const bool is_tenant = store_.read([&](const ReadTxn& txn) {
      const Result<DirPathPtr> path = dir_path(txn, tenant);
      return path && (*path)->depth == 1;
    });
    if (!is_tenant) return {Errc::not_found, "no such tenant"};
  }
  drop_ended();
  const std::lock_guard lock(mutex_);
  const Key key{tenant, std::string(name)};
  if (snapshots_.contains(key)) return {Errc::exists, fmt::format("there is a snapshot {}", name)};
  if (snapshots_.size() >= options_.count_max)
    return {Errc::limit_reached, fmt::format("there are {} snapshots, the most that are allowed", snapshots_.size())};
  const std::shared_ptr<NamedSnapshot> taken(new NamedSnapshot(key.second, tenant, store_));
  taken->ends_ms_ = end_of_lease(lease_ms);
  snapshots_.emplace(key, taken);
  watcher_->wake();
  return Ptr(taken);
}

Result<Snapshots::Ptr> Snapshots::find(std::string_view name, DirId tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find({tenant, std::string(name)});
  if (found == snapshots_.end() || found->second->ends_ms() <= store_.now_ms()) return no_such(name);
  return Ptr(found->second);
}

std::vector<Snapshots::Ptr> Snapshots::list(DirId tenant) const {
  std::vector<Ptr> out;
  const uint64_t now_ms = store_.now_ms();
  const std::lock_guard lock(mutex_);
  for (const auto& [key, snapshot] : snapshots_)
    if (key.first == tenant && snapshot->ends_ms() > now_ms) out.push_back(snapshot);
  return out;
}

Result<void> Snapshots::extend(std::string_view name, DirId tenant, uint64_t lease_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find({tenant, std::string(name)});
  if (found == snapshots_.end() || found->second->ends_ms() <= store_.now_ms()) return no_such(name);
  found->second->ends_ms_ = end_of_lease(lease_ms);
  return {};
}

Result<void> Snapshots::drop(std::string_view name, DirId tenant) {
  std::shared_ptr<NamedSnapshot> dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto found = snapshots_.find({tenant, std::string(name)});
    if (found == snapshots_.end()) return no_such(name);
    dropped = found->second;
    snapshots_.erase(found);
  }
  dropped->drop();  // waits for a read that is under way, so not under the lock
  return {};
}

size_t Snapshots::drop_ended() {
  std::vector<std::shared_ptr<NamedSnapshot>> dropped;
  {
    const uint64_t now_ms = store_.now_ms();
    const std::lock_guard lock(mutex_);
    for (auto at = snapshots_.begin(); at != snapshots_.end();) {
      if (at->second->ends_ms() > now_ms) {
        ++at;
        continue;
      }
      dropped.push_back(at->second);
      at = snapshots_.erase(at);
    }
    ended_ += dropped.size();
  }
  for (const auto& snapshot : dropped) snapshot->drop();
  return dropped.size();
}

EngineStats Snapshots::stats() const {
  const Sequence now = store_.engine().snapshot()->sequence();
  const uint64_t now_ms = store_.now_ms();
  const std::lock_guard lock(mutex_);
  uint64_t oldest_ms = now_ms;
  Sequence oldest = now;
  for (const auto& [key, snapshot] : snapshots_) {
    oldest_ms = std::min(oldest_ms, snapshot->taken_ms());
    oldest = std::min(oldest, snapshot->sequence());
  }
  return {{"snapshots", snapshots_.size()},
          {"oldest_snapshot_age_ms", now_ms - oldest_ms},
          {"oldest_snapshot_commits_behind", now - oldest},
          {"snapshots_ended", ended_}};
}

}  // namespace kvfs
