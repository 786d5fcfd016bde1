// What adaptive replacement (Megiddo and Modha, "ARC", 2003) remembers of a tenant: the values that were used only
// once, hashes of the keys that went lately, and how much room each sort may take.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "store/key.h"

namespace kvfs {

/// The paper's T1, values used only once, is kept by name, in the order in which they were made, up to `names_max`; T2
/// is all others, which are sampled. B1 and B2, the ghosts, are hashes: eight bytes for each value that the tenant
/// holds, twice, up to `ghosts_max`. Thread safety: all functions may be called from any thread.
class ArcList {
 public:
  static constexpr size_t kNamesMax = 100'000;

  explicit ArcList(size_t ghosts_max) : ghosts_max_(ghosts_max) {}

  struct Name {
    DirId dir = 0;
    std::string name;
    uint64_t hash = 0;
  };
  using Repeated = std::function<bool(uint64_t hash)>;

  /// A value was made. True: it went lately, so it counts as used again, and the room of the two sorts is adapted.
  bool made(const Slot& slot, uint64_t hash);
  /// The oldest values used only once, as far as is known, taken out of the list; `repeated` says which were used
  /// again.
  std::vector<Name> take_once(size_t count, const Repeated& repeated);
  /// Those that were not evicted after all, in the order in which they were given.
  void give_back(std::vector<Name> names);
  /// A value goes. `repeated`: it was used again. `keys`: how many values the tenant holds.
  void evicted(uint64_t hash, bool repeated, uint64_t keys);
  /// How many of the next `count` to go are values that were used only once.
  size_t once_of(size_t count, uint64_t keys) const;

 private:
  static constexpr size_t kWays = 4;
  struct Ghosts {
    uint32_t last = 0;  // its number, of those that went
    double count = 0;
  };
  void resize(uint64_t keys);
  static bool lives(const Ghosts& ghosts, uint32_t number, double room) { return ghosts.last - number < room; }
  double once_room() const { return keys_ > once_ ? keys_ - once_ : 1; }

  const size_t ghosts_max_;
  mutable std::mutex mutex_;
  std::deque<Name> names_;       // guarded by mutex_; T1, and some that were used again since
  double once_ = 0;              // guarded by mutex_; about how many of them were not
  std::vector<uint64_t> words_;  // guarded by mutex_; tag 31 | repeated 1 | number 32, in sets
  double keys_ = 0;              // guarded by mutex_; the paper's c
  double once_target_ = 0;       // guarded by mutex_; the paper's p
  Ghosts once_ghosts_;           // guarded by mutex_; B1
  Ghosts repeated_ghosts_;       // guarded by mutex_; B2
};

}  // namespace kvfs
