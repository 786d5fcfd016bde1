// State that replicas change apart and merge in any order, any number of times: merging is commutative, associative and
// idempotent, so that all that have seen the same changes hold the same state. Knows no rows and no network.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/entry.h"
#include "store/result.h"

namespace kvfs {

using ReplicaId = uint32_t;

/// One change: when (hybrid logical clock) and where. A replica's versions grow, so that a dot names one change only.
struct Dot {
  Version version = 0;
  ReplicaId replica = 0;
  auto operator<=>(const Dot&) const = default;
};

/// For each replica, its newest change that is included; all older ones of it are, too.
class VersionVector {
 public:
  bool includes(const Dot& dot) const;
  void include(const Dot& dot);
  void merge(const VersionVector& other);
  /// Every change that `other` includes is included here.
  bool includes_all(const VersionVector& other) const;
  /// A replica that is gone for good leaves no trace. REQUIRES: every replica has merged all its changes, and no copy
  /// older than that will be merged again.
  void forget(ReplicaId replica) { newest_.erase(replica); }
  const std::map<ReplicaId, Version>& newest() const { return newest_; }
  bool operator==(const VersionVector&) const = default;

 private:
  std::map<ReplicaId, Version> newest_;
};

/// The last writer wins: the greater dot, i.e. the later clock, then the greater replica.
struct LwwRegister {
  Dot dot;
  std::string value;
  void set(const Dot& when, std::string_view bytes);
  void merge(const LwwRegister& other);
  bool operator==(const LwwRegister&) const = default;
};

/// A counter: what each replica has added and taken away in all (PN-counter).
class PnCounter {
 public:
  void add(ReplicaId replica, int64_t amount);
  /// Modulo 2^64, as the sums are.
  int64_t value() const;
  void merge(const PnCounter& other);
  bool operator==(const PnCounter&) const = default;

  std::string encode() const;
  /// Errors: corrupt.
  static Result<PnCounter> decode(std::string_view bytes);

 private:
  struct Sums {
    uint64_t added = 0;
    uint64_t removed = 0;
    bool operator==(const Sums&) const = default;
  };
  std::map<ReplicaId, Sums> sums_;
};

/// A set in which removing takes away the additions that the remover has seen (observed-remove): an addition made
/// elsewhere at the same time stays (add wins). Removed members leave no tombstones, only the version vector grows.
class OrSet {
 public:
  /// REQUIRES: `when` is later than every change of that replica before.
  void add(const Dot& when, std::string_view member);
  /// True where it was a member.
  bool remove(std::string_view member);
  void clear();

  bool contains(std::string_view member) const { return members_.find(member) != members_.end(); }
  size_t size() const { return members_.size(); }
  std::vector<std::string> members() const;  // in byte order
  using Members = std::map<std::string, std::set<Dot>, std::less<>>;
  const Members& additions() const { return members_; }
  const VersionVector& seen() const { return seen_; }
  /// Builds up a set from what was stored elsewhere. REQUIRES: `dots` is not empty and was seen.
  void restore(std::string_view member, std::set<Dot> dots) {
    members_.insert_or_assign(std::string(member), std::move(dots));
  }
  void restore_seen(const VersionVector& seen) { seen_.merge(seen); }

  void merge(const OrSet& other);
  /// See VersionVector::forget. Additions of that replica that are still members stay.
  void forget(ReplicaId replica);
  bool operator==(const OrSet&) const = default;

  std::string encode() const;
  /// Errors: corrupt.
  static Result<OrSet> decode(std::string_view bytes);

 private:
  Members members_;  // no member without a dot
  VersionVector seen_;
};

}  // namespace kvfs
