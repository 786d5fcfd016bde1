#include "store/arc_list.h"

#include <algorithm>
#include <bit>

namespace kvfs {

namespace {

constexpr uint64_t kRepeated = uint64_t{1} << 32;
constexpr unsigned kTagShift = 33;
constexpr size_t kLookedAtMax = 64;  // names that tell how many of all were used again

uint64_t tag_of(uint64_t hash) { return std::max<uint64_t>(hash >> kTagShift, 1); }

}  // namespace

void ArcList::resize(uint64_t keys) {
  keys_ = static_cast<double>(std::max<uint64_t>(keys, 1));
  const size_t wanted =
      std::min<size_t>(std::bit_ceil(std::max<uint64_t>(2 * keys, kWays)), std::bit_floor(ghosts_max_));
  if (words_.size() >= wanted) return;
  words_.assign(std::max(wanted, kWays), 0);
  once_ghosts_ = repeated_ghosts_ = Ghosts();
}

bool ArcList::made(const Slot& slot, uint64_t hash) {
  const std::lock_guard lock(mutex_);
  const auto remember = [&] {
    if (names_.size() >= kNamesMax) names_.pop_front();
    names_.push_back({slot.dir, std::string(slot.name), hash});
    once_ += 1;
    return false;
  };
  if (words_.empty()) return remember();
  uint64_t* set = words_.data() + (hash & (words_.size() / kWays - 1)) * kWays;
  for (size_t way = 0; way < kWays; ++way) {
    const uint64_t word = set[way];
    if (word >> kTagShift != tag_of(hash)) continue;
    set[way] = 0;
    const bool repeated = (word & kRepeated) != 0;
    Ghosts& here = repeated ? repeated_ghosts_ : once_ghosts_;
    const Ghosts& there = repeated ? once_ghosts_ : repeated_ghosts_;
    if (!lives(here, static_cast<uint32_t>(word), repeated ? keys_ : once_room())) return remember();
    const double step = std::max(1.0, there.count / std::max(1.0, here.count));
    once_target_ = std::clamp(once_target_ + (repeated ? -step : step), 0.0, keys_);
    here.count = std::max(0.0, here.count - 1);
    return true;
  }
  return remember();
}

std::vector<ArcList::Name> ArcList::take_once(size_t count, const Repeated& repeated) {
  const std::lock_guard lock(mutex_);
  std::vector<Name> out;
  while (out.size() < count && !names_.empty()) {
    if (!repeated(names_.front().hash)) out.push_back(std::move(names_.front()));
    names_.pop_front();
  }
  const size_t looked_at = std::min(kLookedAtMax, names_.size());
  size_t once = 0;
  for (size_t i = 0; i < looked_at; ++i) once += repeated(names_[i * names_.size() / looked_at].hash) ? 0 : 1;
  once_ = static_cast<double>(out.size());
  if (looked_at > 0)
    once_ += static_cast<double>(names_.size()) * static_cast<double>(once) / static_cast<double>(looked_at);
  return out;
}

void ArcList::give_back(std::vector<Name> names) {
  const std::lock_guard lock(mutex_);
  for (auto name = names.rbegin(); name != names.rend(); ++name) names_.push_front(std::move(*name));
}

void ArcList::evicted(uint64_t hash, bool repeated, uint64_t keys) {
  const std::lock_guard lock(mutex_);
  resize(keys);
  Ghosts& here = repeated ? repeated_ghosts_ : once_ghosts_;
  const double room = repeated ? keys_ : once_room();
  here.count = std::min(here.count + 1, room);
  ++here.last;
  if (!repeated) once_ = std::max(0.0, once_ - 1);
  uint64_t* set = words_.data() + (hash & (words_.size() / kWays - 1)) * kWays;
  // A place that is free, else that of the ghost that has been there longest in its own list.
  uint64_t* place = set;
  uint32_t longest = 0;
  for (size_t way = 0; way < kWays; ++way) {
    if (set[way] == 0) {
      place = &set[way];
      break;
    }
    const Ghosts& its = (set[way] & kRepeated) != 0 ? repeated_ghosts_ : once_ghosts_;
    const uint32_t age = its.last - static_cast<uint32_t>(set[way]);
    if (age < longest) continue;
    longest = age;
    place = &set[way];
  }
  *place = tag_of(hash) << kTagShift | (repeated ? kRepeated : 0) | here.last;
}

size_t ArcList::once_of(size_t count, uint64_t keys) const {
  const std::lock_guard lock(mutex_);
  const double beyond = once_ - std::min(once_target_, static_cast<double>(keys));
  return beyond <= 0 ? 0 : std::min(count, static_cast<size_t>(beyond) + 1);
}

}  // namespace kvfs
