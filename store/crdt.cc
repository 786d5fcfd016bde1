#include "store/crdt.h"

#include <algorithm>

#include "store/byte_order.h"

namespace kvfs {

namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr uint8_t kCounterFormat = 1;
constexpr uint8_t kSetFormat = 1;

}  // namespace

// VersionVector

bool VersionVector::includes(const Dot& dot) const {
  const auto at = newest_.find(dot.replica);
  return at != newest_.end() && dot.version <= at->second;
}

void VersionVector::include(const Dot& dot) {
  Version& newest = newest_[dot.replica];
  newest = std::max(newest, dot.version);
}

void VersionVector::merge(const VersionVector& other) {
  for (const auto& [replica, version] : other.newest_) include({version, replica});
}

bool VersionVector::includes_all(const VersionVector& other) const {
  return std::all_of(other.newest_.begin(), other.newest_.end(), [&](const auto& each) {
    return includes({each.second, each.first});
  });
}

// LwwRegister

void LwwRegister::set(const Dot& when, std::string_view bytes) { merge({when, std::string(bytes)}); }

void LwwRegister::merge(const LwwRegister& other) {
  // The value decides between equal dots only where a replica has broken its promise to use each once.
  if (other.dot > dot || (other.dot == dot && other.value > value)) *this = other;
}

// PnCounter

void PnCounter::add(ReplicaId replica, int64_t amount) {
  Sums& sums = sums_[replica];
  if (amount >= 0)
    sums.added += static_cast<uint64_t>(amount);
  else
    sums.removed += uint64_t{0} - static_cast<uint64_t>(amount);
}

int64_t PnCounter::value() const {
  uint64_t total = 0;
  for (const auto& [replica, sums] : sums_) total += sums.added - sums.removed;
  return static_cast<int64_t>(total);
}

void PnCounter::merge(const PnCounter& other) {
  for (const auto& [replica, theirs] : other.sums_) {
    Sums& ours = sums_[replica];
    ours.added = std::max(ours.added, theirs.added);
    ours.removed = std::max(ours.removed, theirs.removed);
  }
}

std::string PnCounter::encode() const {
  std::string out;
  append_le(out, kCounterFormat);
  for (const auto& [replica, sums] : sums_) {
    append_le(out, replica);
    append_le(out, sums.added);
    append_le(out, sums.removed);
  }
  return out;
}

Result<PnCounter> PnCounter::decode(std::string_view bytes) {
  FieldReader in(bytes);
  if (in.take<uint8_t>() != kCounterFormat) return {Errc::corrupt, "a counter of an unknown format"};
  PnCounter out;
  while (!in.rest().empty() && !in.failed()) {
    const auto replica = in.take<ReplicaId>();
    const auto added = in.take<uint64_t>();
    const auto removed = in.take<uint64_t>();
    if (!in.failed()) out.sums_[replica] = {added, removed};
  }
  if (in.failed()) return {Errc::corrupt, "a truncated counter"};
  return out;
}

// OrSet

void OrSet::add(const Dot& when, std::string_view member) {
  seen_.include(when);
  // The addition replaces those it has seen: one dot for each replica at most.
  members_.insert_or_assign(std::string(member), std::set<Dot>{when});
}

bool OrSet::remove(std::string_view member) {
  const auto at = members_.find(member);
  if (at == members_.end()) return false;
  members_.erase(at);
  return true;
}

void OrSet::clear() { members_.clear(); }

std::vector<std::string> OrSet::members() const {
  std::vector<std::string> out;
  for (const auto& [member, dots] : members_) out.push_back(member);
  return out;
}

void OrSet::merge(const OrSet& other) {
  // A dot stays if both have it, or if the one that lacks it has never seen it; otherwise it was removed there.
  for (auto at = members_.begin(); at != members_.end();) {
    const auto theirs = other.members_.find(at->first);
    std::erase_if(at->second, [&](const Dot& dot) {
      const bool they_have = theirs != other.members_.end() && theirs->second.contains(dot);
      return !they_have && other.seen_.includes(dot);
    });
    at = at->second.empty() ? members_.erase(at) : std::next(at);
  }
  for (const auto& [member, dots] : other.members_)
    for (const Dot& dot : dots)
      if (!seen_.includes(dot)) members_[member].insert(dot);
  seen_.merge(other.seen_);
}

void OrSet::forget(ReplicaId replica) {
  const bool adds = std::any_of(members_.begin(), members_.end(), [&](const auto& each) {
    return std::any_of(each.second.begin(), each.second.end(), [&](const Dot& dot) { return dot.replica == replica; });
  });
  if (!adds) seen_.forget(replica);
}

std::string OrSet::encode() const {
  std::string out;
  append_le(out, kSetFormat);
  append_le(out, static_cast<uint32_t>(seen_.newest().size()));
  for (const auto& [replica, version] : seen_.newest()) {
    append_le(out, replica);
    append_le(out, version);
  }
  for (const auto& [member, dots] : members_) {
    append_le(out, static_cast<uint32_t>(member.size()));
    append_le(out, static_cast<uint32_t>(dots.size()));
    out.append(member);
    for (const Dot& dot : dots) {
      append_le(out, dot.replica);
      append_le(out, dot.version);
    }
  }
  return out;
}

Result<OrSet> OrSet::decode(std::string_view bytes) {
  FieldReader in(bytes);
  const auto take_dot = [&] {
    Dot dot;
    dot.replica = in.take<ReplicaId>();
    dot.version = in.take<Version>();
    return dot;
  };
  if (in.take<uint8_t>() != kSetFormat) return {Errc::corrupt, "a set of an unknown format"};
  OrSet out;
  const auto replicas = in.take<uint32_t>();
  for (uint32_t i = 0; i < replicas && !in.failed(); ++i) out.seen_.include(take_dot());
  while (!in.rest().empty() && !in.failed()) {
    const auto member_bytes = in.take<uint32_t>();
    const auto dots = in.take<uint32_t>();
    const std::string member(in.take_bytes(member_bytes));
    std::set<Dot> taken;
    for (uint32_t i = 0; i < dots && !in.failed(); ++i) taken.insert(take_dot());
    if (in.failed() || taken.empty()) return {Errc::corrupt, "a malformed set"};
    out.members_.insert_or_assign(member, std::move(taken));
  }
  if (in.failed()) return {Errc::corrupt, "a truncated set"};
  return out;
}

}  // namespace kvfs
