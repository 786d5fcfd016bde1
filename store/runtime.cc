#include "store/runtime.h"

#include <algorithm>

#include "store/patience.h"

namespace kvfs {

namespace {

constexpr size_t kCachedPrefixBytes = 512;  // of each path that may be cached; longer ones are fewer

}  // namespace

Runtime::Runtime(ChunkStore& chunks, std::function<uint64_t()> clock_ns, const RuntimeOptions& options)
    : options_(options), chunks_(chunks), clock_ns_(std::move(clock_ns)), uses_(options.history_bytes_max) {
  set_eviction(options_.eviction, options_.keys_max);
}

Version Runtime::next_version(uint64_t now_ms) {
  const Version wall = now_ms << 16;
  Version last = last_version_.load();
  Version next = 0;
  do {
    next = std::max(wall, last + 1);
  } while (!last_version_.compare_exchange_weak(last, next));
  return next;
}

void Runtime::observe_version(Version version) {
  Version last = last_version_.load();
  while (last < version && !last_version_.compare_exchange_weak(last, version)) {
  }
}

void Runtime::load_leases(Version version_lease, Inode inode_lease) {
  last_version_ = std::max(version_lease, (clock_ns_() / 1'000'000) << 16);
  next_inode_ = std::max(inode_lease, kFirstInode);
}

std::optional<Version> Runtime::version_lease_due() const {
  const Version last = last_version_.load();
  if (last + kVersionLease / 2 < version_lease_.load()) return std::nullopt;
  return last + kVersionLease;
}

std::optional<Inode> Runtime::inode_lease_due() const {
  const Inode next = next_inode_.load();
  if (next + kInodeLease / 2 < inode_lease_.load()) return std::nullopt;
  return next + kInodeLease;
}

void Runtime::committed(const WriteTxn::Effects& effects) {
  if (effects.version_lease) version_lease_ = *effects.version_lease;
  if (effects.inode_lease) inode_lease_ = *effects.inode_lease;
  if (effects.paths_changed || !effects.removed_paths.empty()) {
    const std::unique_lock lock(cache_mutex_);
    generation_.fetch_add(1, std::memory_order_release);
    names_.clear();
    names_count_ = 0;
    if (effects.paths_changed)
      forget_paths();
    else
      for (const DirId dir : effects.removed_paths) paths_.erase(dir);
  }
  if (!effects.usage.empty() || !effects.settings.empty() || !effects.removals.empty()) {
    const std::lock_guard lock(usage_mutex_);
    with_patience([&] {  // what is added below then needs no memory
      for (const auto& [tenant, change] : effects.usage) (void)usage_[tenant];
      for (const auto& [tenant, went] : effects.removals) (void)usage_[tenant];
      for (const auto& [dir, settings] : effects.settings) set_settings_locked(dir, settings);
    });
    for (const auto& [tenant, change] : effects.usage) {
      Usage& usage = usage_[tenant];
      usage.keys += static_cast<uint64_t>(change.first);
      usage.bytes += static_cast<uint64_t>(change.second);
    }
    for (const auto& [tenant, went] : effects.removals) {
      usage_[tenant].expired += went.expired;
      usage_[tenant].evicted += went.evicted;
    }
  }
  with_patience([&] {
    for (const auto& [tenant, due_ms] : effects.expiries) expiries_.add(tenant, due_ms);
  });
  if (effects.garbage) keep_garbage();
  for (const auto& [tenant, change] : effects.trash)
    with_patience([&, of = tenant, &use = change] { trash_.add_use(of, use.first, use.second); });
  if (!effects.moved_inodes.empty()) {
    const std::lock_guard lock(held_mutex_);
    with_patience([&] {
      for (const auto& [inode, slot] : effects.moved_inodes) {
        const auto held = held_.find(inode);
        if (held == held_.end()) continue;
        held->second.orphan = !slot;
        held->second.dir = slot ? slot->first : 0;
        held->second.name = slot ? slot->second : std::string();
      }
    });
  }
}

DirPathPtr Runtime::cached_path(DirId dir) const {
  const std::shared_lock lock(cache_mutex_);
  const auto found = paths_.find(dir);
  return found == paths_.end() ? nullptr : found->second;
}

void Runtime::cache_path(const DirPathPtr& path, uint64_t generation) {
  const std::unique_lock lock(cache_mutex_);
  if (generation_.load(std::memory_order_relaxed) != generation) return;
  const size_t paths_max = options_.cached_paths_max >> shrunk_;
  if (paths_.size() >= paths_max || paths_bytes_ >= paths_max * kCachedPrefixBytes) forget_paths();
  paths_[path->id] = path;
  paths_bytes_ += path->key_prefix.size();  // of one that goes by itself it stays counted: the sooner all go
}

void Runtime::forget_paths() {
  paths_.clear();
  paths_bytes_ = 0;
}

DirId Runtime::cached_name(DirId parent, std::string_view name) const {
  const std::shared_lock lock(cache_mutex_);
  const auto dir = names_.find(parent);
  if (dir == names_.end()) return 0;
  const auto found = dir->second.find(name);
  return found == dir->second.end() ? 0 : found->second;
}

void Runtime::cache_name(DirId parent, std::string_view name, DirId dir, uint64_t generation) {
  const std::unique_lock lock(cache_mutex_);
  if (generation_.load(std::memory_order_relaxed) != generation) return;
  if (names_count_ >= options_.cached_names_max >> shrunk_) {
    names_.clear();
    names_count_ = 0;
  }
  if (names_[parent].insert_or_assign(std::string(name), dir).second) ++names_count_;
}

void Runtime::shrink_caches(unsigned level) {
  const std::unique_lock lock(cache_mutex_);
  const bool less = level > shrunk_;
  shrunk_ = level;
  if (!less) return;
  if (paths_.size() > options_.cached_paths_max >> level) forget_paths();
  if (names_count_ > options_.cached_names_max >> level) {
    names_.clear();
    names_count_ = 0;
  }
}

Runtime::CacheUse Runtime::cache_use() const {
  const std::shared_lock lock(cache_mutex_);
  return {paths_.size(), options_.cached_paths_max >> shrunk_, names_count_, options_.cached_names_max >> shrunk_};
}

void Runtime::apply_policy(DirId tenant, EvictionPolicy policy) {
  if (policy == EvictionPolicy::noeviction) return;
  may_evict_ = true;
  if (uses_history(policy)) uses_.history.enable();
  if (policy == EvictionPolicy::allkeys_arc && tenant != 0) (void)uses_.arc(tenant);
}

void Runtime::set_eviction(EvictionPolicy policy, uint64_t keys_max) {
  apply_policy(0, policy);
  policy_.store(policy);
  keys_max_.store(keys_max);
}

EvictionPolicy Runtime::eviction_policy(DirId tenant) const {
  return settings(tenant).eviction.value_or(policy_.load(std::memory_order_relaxed));
}

Runtime::Usage Runtime::usage(DirId tenant) const {
  const std::lock_guard lock(usage_mutex_);
  if (tenant != 0) {
    const auto found = usage_.find(tenant);
    return found == usage_.end() ? Usage{} : found->second;
  }
  Usage all;
  for (const auto& [id, usage] : usage_) {
    all.keys += usage.keys;
    all.bytes += usage.bytes;
    all.expired += usage.expired;
    all.evicted += usage.evicted;
  }
  return all;
}

std::vector<DirId> Runtime::tenants() const {
  const std::lock_guard lock(usage_mutex_);
  std::vector<DirId> out;
  out.reserve(usage_.size());
  for (const auto& [id, usage] : usage_) out.push_back(id);
  return out;
}

void Runtime::load_usage(DirId tenant, Usage usage) {
  const std::lock_guard lock(usage_mutex_);
  usage_[tenant] = usage;
}

Settings Runtime::settings(DirId dir) const {
  if (!has_settings()) return {};
  const std::lock_guard lock(usage_mutex_);
  const auto found = settings_.find(dir);
  return found == settings_.end() ? Settings{} : found->second;
}

void Runtime::load_settings(DirId dir, const Settings& settings) {
  const std::lock_guard lock(usage_mutex_);
  set_settings_locked(dir, settings);
}

void Runtime::set_settings_locked(DirId dir, const Settings& settings) {
  settings_[dir] = settings;
  has_settings_ = true;
  trash_.set_settings(dir, settings);
  if (settings.eviction) apply_policy(dir, *settings.eviction);
  const Result<Durability> durability = parse_durability(settings.fsync);
  if (durability)
    durabilities_[dir] = *durability;
  else
    durabilities_.erase(dir);
  has_durabilities_ = !durabilities_.empty();
}

std::optional<Durability> Runtime::durability(DirId dir) const {
  const std::lock_guard lock(usage_mutex_);
  const auto found = durabilities_.find(dir);
  return found == durabilities_.end() ? std::nullopt : std::optional(found->second);
}

void Runtime::hold_inode(Inode inode, DirId dir, std::string_view name) {
  const std::lock_guard lock(held_mutex_);
  Held& held = held_[inode];
  if (held.count++ == 0) {
    held.dir = dir;
    held.name = name;
  }
}

bool Runtime::release_inode(Inode inode) {
  const std::lock_guard lock(held_mutex_);
  const auto held = held_.find(inode);
  if (held == held_.end() || --held->second.count > 0) return false;
  const bool orphan = held->second.orphan;
  held_.erase(held);
  return orphan;
}

bool Runtime::is_held(Inode inode) const {
  const std::lock_guard lock(held_mutex_);
  return held_.contains(inode);
}

std::pair<DirId, std::string> Runtime::held_slot(Inode inode) const {
  const std::lock_guard lock(held_mutex_);
  const auto held = held_.find(inode);
  if (held == held_.end()) return {};
  return {held->second.dir, held->second.name};
}

// WriteTxn

Version WriteTxn::next_version() { return runtime().next_version(now_ms()); }
Inode WriteTxn::next_inode() { return runtime().next_inode(); }

void WriteTxn::inode_moved(Inode inode, std::optional<Slot> slot) {
  effects_.moved_inodes.emplace_back(
      inode, slot ? std::make_optional(std::make_pair(slot->dir, std::string(slot->name))) : std::nullopt);
}

void WriteTxn::path_changed(DirId dir) { effects_.removed_paths.push_back(dir); }
void WriteTxn::paths_changed() { effects_.paths_changed = true; }
void WriteTxn::settings_changed(DirId dir, const Settings& settings) { effects_.settings[dir] = settings; }

Result<ChunkRef> WriteTxn::append_chunk(std::string_view bytes) {
  Result<ChunkRef> ref = runtime().chunks().append(bytes);
  if (ref) effects_.appended.push_back(*ref);
  return ref;
}

}  // namespace kvfs
