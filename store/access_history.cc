#include "store/access_history.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <new>

namespace kvfs {

namespace {

// A word: tag 20 | repeated 1 | milliseconds 35 | frequency 8. No time is 0 for a word in use.
constexpr unsigned kTimeBits = 35;  // a year; what was not used for longer is taken for younger than it is
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;
constexpr unsigned kTimeShift = 8;
constexpr unsigned kRepeatedShift = kTimeShift + kTimeBits;
constexpr unsigned kTagShift = kRepeatedShift + 1;

constexpr uint64_t kDecayMs = 60'000;  // a frequency loses one in this time (lfu-decay-time 1)
constexpr uint64_t kLogFactor = 10;    // lfu-log-factor

uint64_t tag_of(uint64_t hash) { return std::max<uint64_t>(hash >> kTagShift, 1); }

uint64_t pack(uint64_t hash, uint64_t now_ms, uint8_t frequency, bool repeated) {
  return tag_of(hash) << kTagShift | uint64_t{repeated} << kRepeatedShift | (now_ms & kTimeMask) << kTimeShift |
         frequency;
}

uint64_t age_ms(uint64_t word, uint64_t now_ms) {
  const uint64_t age = (now_ms - (word >> kTimeShift)) & kTimeMask;
  return age > kTimeMask - kDecayMs ? 0 : age;  // the clock went back a little
}

uint64_t next_random() {
  thread_local uint64_t state = 0x9E3779B97F4A7C15ULL ^ reinterpret_cast<uintptr_t>(&state);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

uint8_t counted(uint8_t frequency) {
  if (frequency == UINT8_MAX) return frequency;
  const uint64_t base = frequency > kFrequencyOfNewKeys ? frequency - kFrequencyOfNewKeys : 0;
  return next_random() % (base * kLogFactor + 1) == 0 ? static_cast<uint8_t>(frequency + 1) : frequency;
}

}  // namespace

uint64_t AccessHistory::hash(DirId dir, std::string_view name) {
  uint64_t h = std::hash<std::string_view>()(name) ^ dir * 0x9E3779B97F4A7C15ULL;
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93ULL;
  h ^= h >> 32;
  return h;
}

AccessHistory::~AccessHistory() {
  if (enabled()) ::munmap(static_cast<void*>(words_.load()), memory_bytes());
}

void AccessHistory::enable() {
  const std::lock_guard lock(mutex_);
  if (enabled() || bytes_max_ < kWays * sizeof(Word)) return;
  const size_t bytes = std::bit_floor(bytes_max_);
  // Untouched pages take no memory, so that the table is as large as what is known of the keys.
  void* space = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return;  // eviction then goes by the times of the entries
  mask_ = bytes / (kWays * sizeof(Word)) - 1;
  words_.store(static_cast<Word*>(space), std::memory_order_release);
}

AccessHistory::Word* AccessHistory::way_of(Word* set, uint64_t hash) {
  for (size_t way = 0; way < kWays; ++way)
    if (set[way].load(std::memory_order_relaxed) >> kTagShift == tag_of(hash)) return &set[way];
  return nullptr;
}

AccessHistory::Word* AccessHistory::oldest_way(Word* set, uint64_t now_ms) {
  Word* oldest = set;
  uint64_t oldest_ms = 0;
  for (size_t way = 0; way < kWays; ++way) {
    const uint64_t word = set[way].load(std::memory_order_relaxed);
    if (word == 0) return &set[way];
    const uint64_t age = age_ms(word, now_ms);
    if (age < oldest_ms) continue;
    oldest_ms = age;
    oldest = &set[way];
  }
  return oldest;
}

void AccessHistory::touch(uint64_t hash, uint64_t now_ms) {
  if (!enabled()) return;
  Word* set = set_of(hash);
  Word* way = way_of(set, hash);
  if (way == nullptr) {
    oldest_way(set, now_ms)->store(pack(hash, now_ms, counted(kFrequencyOfNewKeys), true), std::memory_order_relaxed);
    return;
  }
  const uint64_t word = way->load(std::memory_order_relaxed);
  const uint8_t before = decayed(static_cast<uint8_t>(word), now_ms - age_ms(word, now_ms), now_ms);
  const uint64_t now = pack(hash, now_ms, counted(before), true);
  if (now != word) way->store(now, std::memory_order_relaxed);  // a hot key's line stays shared for a millisecond
}

void AccessHistory::made(uint64_t hash, uint64_t now_ms, bool repeated) {
  if (!enabled()) return;
  Word* set = set_of(hash);
  Word* way = way_of(set, hash);
  if (way == nullptr) way = oldest_way(set, now_ms);
  way->store(pack(hash, now_ms, kFrequencyOfNewKeys, repeated), std::memory_order_relaxed);
}

void AccessHistory::set(uint64_t hash, uint64_t last_ms, uint8_t frequency, uint64_t now_ms) {
  if (!enabled()) return;
  Word* set = set_of(hash);
  Word* way = way_of(set, hash);
  if (way == nullptr) way = oldest_way(set, now_ms);
  const uint64_t age = std::min(now_ms - std::min(last_ms, now_ms), kTimeMask - kDecayMs);
  way->store(pack(hash, now_ms - age, frequency, true), std::memory_order_relaxed);
}

std::optional<AccessHistory::Use> AccessHistory::find(uint64_t hash, uint64_t now_ms) const {
  if (!enabled()) return std::nullopt;
  const Word* way = way_of(set_of(hash), hash);
  if (way == nullptr) return std::nullopt;
  const uint64_t word = way->load(std::memory_order_relaxed);
  return Use{now_ms - age_ms(word, now_ms), static_cast<uint8_t>(word), ((word >> kRepeatedShift) & 1) != 0};
}

uint8_t AccessHistory::decayed(uint8_t frequency, uint64_t last_ms, uint64_t now_ms) {
  const uint64_t minutes = now_ms / kDecayMs - std::min(last_ms, now_ms) / kDecayMs;
  return minutes >= frequency ? 0 : static_cast<uint8_t>(frequency - minutes);
}

}  // namespace kvfs
