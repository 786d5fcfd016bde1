#include "store/eviction_sample.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>

#include "store/access_history.h"
#include "store/keyspace.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

constexpr size_t kCollectionsWeighedMax = 10'000;
constexpr size_t kSoonestMetShare = 8;        // rows of the index looked at for each value wanted
constexpr size_t kCollectionsPassedMax = 64;  // empty ones, by one move of a hand

EvictionCandidate candidate(const Slot& slot, const Entry& entry) {
  EvictionCandidate out;
  out.dir = slot.dir;
  out.name = slot.name;
  out.hash = AccessHistory::hash(slot.dir, slot.name);
  out.changed_ms = static_cast<uint64_t>(std::max(entry.atime_ns, entry.mtime_ns)) / 1'000'000;
  return out;
}

/// Files with one name; whether they are open is seen when they are to go.
bool may_go(const Entry& entry) { return entry.kind == Kind::file && entry.nlink <= 1; }

/// The collection named, or the first one after it, or the first one at all.
std::optional<std::pair<std::string, DirId>> collection_from(const ReadTxn& txn, DirId tenant, std::string_view name,
                                                             bool inclusive) {
  if (inclusive)
    if (const Result<DirId> present = find_collection(txn, tenant, name))
      return std::make_pair(std::string(name), *present);
  const std::string position = std::string(name) + "/";
  for (const bool round : {false, true})
    for (DirectoryCursor cursor(txn, tenant, round ? std::nullopt : std::make_optional<std::string_view>(position));
         cursor.valid(); cursor.next())
      if (cursor.slot().directory) return std::make_pair(std::string(cursor.component()), cursor.entry().inode);
  return std::nullopt;
}

}  // namespace

std::string key_somewhere(const ReadTxn& txn, DirId collection, std::mt19937_64& random) {
  KeyCursor first(txn, collection);
  KeyCursor last(txn, collection);
  std::string prefix;
  while (true) {
    first.seek(prefix);
    if (const std::string end = prefix_end(prefix); end.empty())
      last.seek_last();
    else
      last.seek_before(end);
    if (!first.valid() || !last.valid()) return prefix;
    const std::string_view low = first.key();
    const std::string_view high = last.key();
    if (!low.starts_with(prefix) || low >= high) return std::string(low);
    const size_t alike =
        static_cast<size_t>(std::mismatch(low.begin(), low.end(), high.begin(), high.end()).first - low.begin());
    // A key that is the beginning of all others has no byte here.
    const int from = alike < low.size() ? static_cast<unsigned char>(low[alike]) : 0;
    const int to = static_cast<unsigned char>(high[alike]);
    std::string next(low.substr(0, alike));
    next.push_back(static_cast<char>(std::uniform_int_distribution<int>(from, to)(random)));
    first.seek(next);
    if (!first.valid()) return prefix;
    if (!first.key().starts_with(next)) return std::string(first.key());
    prefix = std::move(next);
  }
}

void EvictionSample::place_hands(const ReadTxn& txn, std::span<Hand> hands) {
  if (volatiles_) {
    const std::string prefix = expiry_row(tenant_, 0, {}).substr(0, 9);
    const auto cursor = txn.rows().cursor();
    cursor->seek(prefix);
    const auto expires = [&]() -> uint64_t {
      if (!cursor->valid() || !cursor->key().starts_with(prefix)) return 0;
      const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
      return row ? row->expires_ms : 0;
    };
    const uint64_t first = expires();
    cursor->seek_before(prefix_end(prefix));
    const uint64_t last = std::max(first, expires());
    for (Hand& hand : hands)
      hand.at = expiry_row(tenant_, std::uniform_int_distribution<uint64_t>(first, last)(random_), {});
    return;
  }
  std::vector<std::pair<std::string, DirId>> collections;
  std::vector<double> weights;
  for (DirectoryCursor cursor(txn, tenant_, std::nullopt);
       cursor.valid() && collections.size() < kCollectionsWeighedMax; cursor.next()) {
    if (!cursor.slot().directory) continue;
    collections.emplace_back(cursor.component(), cursor.entry().inode);
    weights.push_back(static_cast<double>(cursor.entry().keys) + 1e-9);
  }
  if (collections.empty()) return;
  std::discrete_distribution<size_t> by_keys(weights.begin(), weights.end());
  for (Hand& hand : hands) {
    const auto& [name, collection] = collections[by_keys(random_)];
    hand.collection = name;
    hand.at = key_somewhere(txn, collection, random_);
  }
}

void EvictionSample::gather(const ReadTxn& txn, size_t count, bool restart, std::vector<EvictionCandidate>& out) {
  if (hands_.empty()) {
    hands_.resize(kHands);
    place_hands(txn, hands_);
  }
  if (restart) {
    const size_t moved = std::clamp<size_t>(count / kCandidatesForAPlace, 1, kHands - next_placed_);
    place_hands(txn, std::span(hands_).subspan(next_placed_, moved));
    next_placed_ = (next_placed_ + moved) % kHands;
  }
  const size_t run = std::max(kRunMin, count / kHands);
  std::uniform_int_distribution<size_t> any(0, kHands - 1);
  for (size_t tries = 0; tries < count; tries += run) {
    Hand& hand = hands_[any(random_)];
    if (volatiles_)
      move_by_expiry(txn, hand, run, out);
    else
      move(txn, hand, run, out);
  }
}

void EvictionSample::move(const ReadTxn& txn, Hand& hand, size_t count, std::vector<EvictionCandidate>& out) const {
  auto collection = collection_from(txn, tenant_, hand.collection, true);
  size_t met = 0;
  for (size_t passed = 0; collection && met < count && passed < kCollectionsPassedMax; ++passed) {
    if (collection->first != hand.collection) hand.at.clear();
    hand.collection = collection->first;
    KeyCursor cursor(txn, collection->second);
    for (cursor.seek(hand.at); cursor.valid() && met < count; cursor.next(), ++met)
      if (may_go(cursor.entry())) out.push_back(candidate(cursor.slot(), cursor.entry()));
    if (cursor.valid()) {
      hand.at = cursor.key();
      return;
    }
    hand.at.clear();
    collection = collection_from(txn, tenant_, hand.collection, false);
    if (collection) hand.collection = collection->first;
  }
}

void EvictionSample::move_by_expiry(const ReadTxn& txn, Hand& hand, size_t count,
                                    std::vector<EvictionCandidate>& out) const {
  const std::string prefix = expiry_row(tenant_, 0, {}).substr(0, 9);
  const auto cursor = txn.rows().cursor();
  cursor->seek(hand.at);
  for (size_t met = 0; met < count; ++met) {
    if (!cursor->valid() || !cursor->key().starts_with(prefix)) {
      cursor->seek(prefix);
      if (!cursor->valid() || !cursor->key().starts_with(prefix)) return;
    }
    const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
    if (!row) throw StoreException(row.error());
    const std::optional<Entry> entry = rows::load(txn.rows(), row->slot);
    if (entry && may_go(*entry) && entry->indexed_ms() == row->expires_ms) out.push_back(candidate(row->slot, *entry));
    cursor->next();
  }
  hand.at = cursor->valid() ? std::string(cursor->key()) : prefix;
}

// The index may have them earlier than they expire, but not later: what follows a row expires after its moment.
void EvictionSample::gather_soonest(const ReadTxn& txn, size_t count, std::vector<EvictionCandidate>& out) const {
  const size_t met_max = count * kSoonestMetShare;
  const std::string prefix = expiry_row(tenant_, 0, {}).substr(0, 9);
  const auto cursor = txn.rows().cursor();
  std::multimap<uint64_t, EvictionCandidate> soonest;  // by when they expire
  size_t met = 0;
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix) && met < met_max;
       cursor->next(), ++met) {
    const Result<ExpiryRow> row = parse_expiry_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (soonest.size() >= count && std::prev(soonest.end())->first <= row->expires_ms) break;
    const std::optional<Entry> entry = rows::load(txn.rows(), row->slot);
    if (!entry || !may_go(*entry) || entry->indexed_ms() != row->expires_ms) continue;
    soonest.emplace(entry->expires_ms, candidate(row->slot, *entry));
    if (soonest.size() > count) soonest.erase(std::prev(soonest.end()));
  }
  for (auto& [expires_ms, each] : soonest) out.push_back(std::move(each));
}

}  // namespace kvfs
