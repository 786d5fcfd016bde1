#include "store/evictor.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "store/store.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

// A little more room than is needed is made at a time, so that not each write has to.
constexpr uint64_t kSlackShare = 64;  // of the limit
constexpr uint64_t kSlackKeysMax = 64;
constexpr uint64_t kSlackBytesMax = 1024 * 1024;

constexpr size_t kPoolMax = 256;
constexpr size_t kSampleMin = 16;
constexpr size_t kFruitlessRoundsMax = 8;
constexpr size_t kRoundsMax = 4096;  // of a writer: 256 Ki values
constexpr uint64_t kIdleMs = 1000;   // how often the background looks while nothing may be evicted

// The store's size on disk lags behind what is removed from it: what goes is a share, then the checkpoint shows.
constexpr double kDiskNear = 0.95;
constexpr double kDiskFull = 0.9;  // a write that fails leaves some room
constexpr double kDiskShare = 0.05;

}  // namespace

Evictor::Evictor(Store& store, const EvictionOptions& options)
    : store_(store),
      options_(options),
      samples_(options.samples),
      random_(options.seed != 0 ? options.seed : std::random_device()()),
      pressure_(store.options().pressure) {
  if (options_.interval_ms != 0) thread_ = std::thread([this] { run(); });
}

Evictor::~Evictor() {
  {
    const std::lock_guard lock(wake_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

EvictionPolicy Evictor::policy_of(DirId tenant) const { return store_.runtime().eviction_policy(tenant); }

uint64_t Evictor::samples_of(DirId tenant) const {
  const Settings settings = store_.runtime().settings(tenant);
  return settings.eviction_samples != 0 ? settings.eviction_samples : samples_.load();
}

bool Evictor::make_room(Errc failure, const std::optional<Shortage>& shortage) {
  if (failure == Errc::no_space) {
    // Not where something else has no space, such as extended attributes.
    const SpaceUse space = store_.engine().space();
    if (static_cast<double>(space.bytes_used) < static_cast<double>(space.bytes_max) * kDiskFull) return false;
    return store_.make_room_from_trash() || make_disk_room();
  }
  if (failure != Errc::quota_exceeded || !shortage) return false;
  // The limits again, with some slack; but never more than half of what is asked to be left.
  const auto lowered = [](uint64_t goal, uint64_t slack) { return goal - std::min(slack, goal / kSlackShare); };
  const Goal goal{shortage->keys_goal == UINT64_MAX ? UINT64_MAX : lowered(shortage->keys_goal, kSlackKeysMax),
                  shortage->bytes_goal == UINT64_MAX ? UINT64_MAX : lowered(shortage->bytes_goal, kSlackBytesMax)};
  size_t evicted = 0;
  if (reach(shortage->tenant, goal, evicted)) return true;
  return reached(shortage->tenant, {shortage->keys_goal, shortage->bytes_goal});
}

bool Evictor::reached(DirId tenant, const Goal& goal) const {
  const Runtime::Usage usage = store_.runtime().usage(tenant);
  return usage.keys <= goal.keys && usage.bytes <= goal.bytes;
}

bool Evictor::reach(DirId tenant, const Goal& goal, size_t& evicted) {
  size_t fruitless = 0;
  for (size_t round = 0; round < kRoundsMax && fruitless < kFruitlessRoundsMax; ++round) {
    const std::lock_guard lock(mutex_);  // let go after each batch: many writers may wait for room
    if (reached(tenant, goal)) return true;
    const DirId from = tenant != 0 ? tenant : any_tenant();
    if (from == 0) return false;
    const size_t went = evict_some(from, tenant, goal);
    evicted += went;
    fruitless = went == 0 ? fruitless + 1 : 0;
  }
  return reached(tenant, goal);
}

DirId Evictor::any_tenant() {
  std::vector<DirId> tenants;
  std::vector<double> weights;
  for (const DirId tenant : store_.runtime().tenants()) {
    const uint64_t keys = store_.runtime().usage(tenant).keys;
    if (keys == 0 || policy_of(tenant) == EvictionPolicy::noeviction) continue;
    tenants.push_back(tenant);
    weights.push_back(static_cast<double>(keys));
  }
  if (tenants.empty()) return 0;
  return tenants[std::discrete_distribution<size_t>(weights.begin(), weights.end())(random_)];
}

Evictor::Tenant& Evictor::state_of(DirId tenant, EvictionPolicy policy) {
  auto state = tenants_.find(tenant);
  if (state != tenants_.end() && state->second.policy != policy) {
    tenants_.erase(state);
    state = tenants_.end();
  }
  if (state == tenants_.end())
    state = tenants_.emplace(tenant, Tenant{policy, EvictionSample(tenant, is_volatile(policy), random_()), {}}).first;
  return state->second;
}

/// Orders the pool: the first is the first to go.
void Evictor::rank(Tenant& state) {
  auto& pool = state.pool;
  const auto place = [](const EvictionCandidate& each) { return std::tie(each.dir, each.name); };
  if (state.policy == EvictionPolicy::volatile_ttl) return;  // as they were met
  std::sort(pool.begin(), pool.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  pool.erase(std::unique(pool.begin(), pool.end(), [&](const auto& a, const auto& b) { return place(a) == place(b); }),
             pool.end());
  if (!uses_history(state.policy)) {
    std::shuffle(pool.begin(), pool.end(), random_);
    return;
  }
  const uint64_t now_ms = store_.now_ms();
  for (EvictionCandidate& each : pool) {
    const auto use = store_.runtime().uses().history.find(each.hash, now_ms);
    each.last_ms = use ? use->last_ms : each.changed_ms;
    each.frequency = AccessHistory::decayed(use ? use->frequency : kFrequencyOfNewKeys, each.last_ms, now_ms);
    each.known = use.has_value();
    each.repeated = use && use->repeated;
  }
  const bool by_frequency = is_lfu(state.policy);
  std::sort(pool.begin(), pool.end(), [&](const auto& a, const auto& b) {
    if (by_frequency && a.frequency != b.frequency) return a.frequency < b.frequency;
    return a.last_ms < b.last_ms;
  });
}

/// One batch. `limited`: whose usage `goal` is about, the tenant or the store (0).
size_t Evictor::evict_some(DirId tenant, DirId limited, const Goal& goal) {
  const EvictionPolicy policy = policy_of(tenant);
  if (policy == EvictionPolicy::noeviction) return 0;
  Tenant& state = state_of(tenant, policy);
  const Runtime::Usage usage = store_.runtime().usage(limited);
  const uint64_t bytes_each = std::max<uint64_t>(usage.bytes / std::max<uint64_t>(usage.keys, 1), 1);
  const auto beyond = [](uint64_t used, uint64_t limit) { return used > limit ? used - limit : 0; };
  const size_t wanted = static_cast<size_t>(std::clamp<uint64_t>(
      std::max(beyond(usage.keys, goal.keys), beyond(usage.bytes, goal.bytes) / bytes_each + 1), 1, kVictimsAtOnceMax));
  store_.read([&](const ReadTxn& txn) {
    if (policy == EvictionPolicy::volatile_ttl) {
      state.pool.clear();
      state.sample.gather_soonest(txn, wanted + kPoolMax, state.pool);
    } else {
      if (!uses_history(policy)) state.pool.clear();
      state.sample.gather(txn, std::max<size_t>(kSampleMin, wanted * samples_of(tenant)), uses_history(policy),
                          state.pool);
    }
  });
  rank(state);

  if (policy == EvictionPolicy::allkeys_arc) put_once_first(tenant, state, wanted);

  size_t went = 0;
  std::vector<bool> tried;
  std::vector<size_t> victims;
  ChangeLog published;
  const auto body = [&](WriteTxn& txn) -> Result<void> {
    went = 0;
    victims.clear();
    tried.assign(state.pool.size(), false);
    for (size_t i = 0; i < state.pool.size() && went < wanted; ++i) {
      const auto [keys, bytes] = txn.effects().usage[tenant];
      const Runtime::Usage now = txn.runtime().usage(limited);
      if (now.keys + static_cast<uint64_t>(keys) <= goal.keys && now.bytes + static_cast<uint64_t>(bytes) <= goal.bytes)
        break;
      tried[i] = true;
      if (!rows::evict(txn, state.pool[i].slot(), is_volatile(policy))) continue;
      victims.push_back(i);
      ++went;
    }
    return {};
  };
  const Result<void> done = store_.commit(body, {}, published, nullptr);
  if (policy == EvictionPolicy::allkeys_arc) note_ghosts(tenant, state, victims, tried, usage.keys);
  std::vector<EvictionCandidate> left;
  for (size_t i = 0; i < state.pool.size() && left.size() < kPoolMax; ++i)
    if (!tried[i] && !state.pool[i].once_listed) left.push_back(std::move(state.pool[i]));
  state.pool = std::move(left);
  if (!done) return 0;
  tell(published);
  return went;
}

/// Under ARC: of the next to go, as many as have had their share are values used only once, oldest first.
void Evictor::put_once_first(DirId tenant, Tenant& state, size_t wanted) {
  Uses& uses = store_.runtime().uses();
  ArcList& arc = uses.arc(tenant);
  const uint64_t now_ms = store_.now_ms();
  std::vector<EvictionCandidate> once;
  for (ArcList::Name& name : arc.take_once(wanted, [&](uint64_t hash) {
         const auto use = uses.history.find(hash, now_ms);
         return use && use->repeated;
       })) {
    EvictionCandidate candidate;
    candidate.dir = name.dir;
    candidate.name = std::move(name.name);
    candidate.hash = name.hash;
    candidate.once_listed = true;
    once.push_back(std::move(candidate));
  }
  // Values that the list does not know of, from before a restart, stand for some used only once, too.
  const size_t first = arc.once_of(wanted, store_.runtime().usage(tenant).keys);
  const size_t listed = std::min(first, once.size());
  const auto unknown = std::stable_partition(state.pool.begin(), state.pool.end(),
                                             [](const EvictionCandidate& each) { return !each.known; });
  // Those that the list knows, or would if it were longer, are no match for its oldest.
  std::stable_partition(unknown, state.pool.end(), [](const EvictionCandidate& each) { return each.repeated; });
  state.pool.insert(unknown, std::make_move_iterator(once.begin()),
                    std::make_move_iterator(once.begin() + static_cast<ptrdiff_t>(listed)));
  state.pool.insert(state.pool.end(), std::make_move_iterator(once.begin() + static_cast<ptrdiff_t>(listed)),
                    std::make_move_iterator(once.end()));
}

void Evictor::note_ghosts(DirId tenant, Tenant& state, const std::vector<size_t>& victims,
                          const std::vector<bool>& tried, uint64_t keys) {
  ArcList& arc = store_.runtime().uses().arc(tenant);
  for (const size_t i : victims) arc.evicted(state.pool[i].hash, !state.pool[i].once_listed, keys);
  std::vector<ArcList::Name> back;
  for (size_t i = 0; i < state.pool.size(); ++i)
    if (!tried[i] && state.pool[i].once_listed)
      back.push_back({state.pool[i].dir, std::move(state.pool[i].name), state.pool[i].hash});
  arc.give_back(std::move(back));
}

Evictor::Goal Evictor::goal_of(uint64_t keys_max, uint64_t bytes_max, bool near_enough) const {
  const auto below = [&](uint64_t limit, uint64_t slack_max) {
    if (limit == 0) return UINT64_MAX;
    const uint64_t slack = std::min(limit / kSlackShare, slack_max);
    return limit - (near_enough ? slack / 2 : slack);
  };
  return {below(keys_max, kSlackKeysMax), below(bytes_max, kSlackBytesMax)};
}

size_t Evictor::keep_room() {
  size_t evicted = 0;
  const auto keep = [&](DirId tenant, uint64_t keys_max, uint64_t bytes_max) {
    if (keys_max == 0 && bytes_max == 0) return;
    if (!reached(tenant, goal_of(keys_max, bytes_max, true)))
      reach(tenant, goal_of(keys_max, bytes_max, false), evicted);
  };
  for (const DirId tenant : store_.runtime().tenants()) {
    if (policy_of(tenant) == EvictionPolicy::noeviction) continue;
    const Settings settings = store_.runtime().settings(tenant);
    keep(tenant, settings.quota_keys, settings.quota_bytes);
  }
  keep(0, store_.runtime().keys_max(), 0);
  return evicted + keep_disk_room();
}

bool Evictor::make_disk_room() {
  {
    const std::lock_guard lock(mutex_);
    if (any_tenant() == 0) return false;
  }
  const Runtime::Usage usage = store_.runtime().usage(0);
  const auto lower = [](uint64_t used) {
    return used - std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(used) * kDiskShare));
  };
  if (usage.keys == 0) return false;
  size_t evicted = 0;
  reach(0, {lower(usage.keys), usage.bytes == 0 ? UINT64_MAX : lower(usage.bytes)}, evicted);
  if (evicted > 0) (void)store_.checkpoint();  // shows what was freed
  return evicted > 0;
}

size_t Evictor::keep_disk_room() {
  if (store_.options().engine.max_size_bytes == 0) return 0;
  if (store_.runtime().trash().use(0).keys > 0) return 0;  // that goes first (Store::sweep_trash)
  const SpaceUse space = store_.engine().space();
  if (static_cast<double>(space.bytes_used) < static_cast<double>(space.bytes_max) * kDiskNear) return 0;
  const uint64_t before = store_.runtime().usage(0).keys;
  if (!make_disk_room()) return 0;
  const uint64_t after = store_.runtime().usage(0).keys;
  return before > after ? static_cast<size_t>(before - after) : 0;
}

void Evictor::tell(const ChangeLog& changes) {
  if (!thread_.joinable()) return store_.feed().tell_observers(changes);
  {
    const std::lock_guard lock(wake_mutex_);
    untold_.append(changes);
  }
  wake_.notify_all();
}

void Evictor::run() {
  std::unique_lock lock(wake_mutex_);
  auto next_look = std::chrono::steady_clock::now();
  auto next_pressure = next_look;
  while (!stopping_) {
    const ChangeLog untold = std::exchange(untold_, {});
    lock.unlock();
    const auto now = std::chrono::steady_clock::now();
    try {
      store_.feed().tell_observers(untold);
      if (now >= next_pressure) {
        next_pressure = now + std::chrono::milliseconds(kIdleMs);
        if (const auto level = pressure_.look()) store_.runtime().shrink_caches(*level);
      }
      if (now >= next_look) (void)keep_room();
    } catch (const std::exception&) {
      // Damage is reported to whoever reads it; where there is no memory, the next look finds the same.
    }
    if (now >= next_look) {
      const bool may_evict = store_.runtime().may_evict();
      next_look =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(may_evict ? options_.interval_ms : kIdleMs);
    }
    lock.lock();
    wake_.wait_until(lock, next_look, [&] { return stopping_ || !untold_.empty(); });
  }
  const ChangeLog untold = std::exchange(untold_, {});
  lock.unlock();
  store_.feed().tell_observers(untold);
}

}  // namespace kvfs
