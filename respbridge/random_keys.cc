#include "respbridge/random_keys.h"

#include <algorithm>
#include <string_view>

#include "respbridge/random.h"
#include "store/keyspace.h"

namespace kvfs::resp {

namespace {

constexpr size_t kDrawn = 64;
constexpr uint64_t kWalkedMax = 2000;  // keys, for one drawing
constexpr size_t kPlaces = 4;

/// A place between `first` and `last`: what differs is drawn at random.
std::string random_place(std::string_view first, std::string_view last) {
  const auto differ = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  const auto common = static_cast<size_t>(differ - first.begin());
  std::string place(first.substr(0, common));
  const int low = common < first.size() ? static_cast<unsigned char>(first[common]) : 0;
  const int high = common < last.size() ? static_cast<unsigned char>(last[common]) : 255;
  place.push_back(static_cast<char>(std::uniform_int_distribution<int>(low, std::max(low, high))(random_engine())));
  // The rest as keys often are: digits and small letters.
  constexpr std::string_view kUsual = "0123456789abcdefghijklmnopqrstuvwxyz";
  for (int i = 0; i < 12; ++i) place.push_back(kUsual[random_below(kUsual.size())]);
  return place;
}

/// Adds `wanted` of the `length` keys from the cursor on, of which any may be drawn again.
void draw_from_run(KeyCursor& cursor, uint64_t length, size_t wanted, std::vector<std::string>& out) {
  std::vector<uint64_t> steps;
  for (size_t i = 0; i < wanted; ++i) steps.push_back(random_below(length));
  std::sort(steps.begin(), steps.end());
  uint64_t at = 0;
  for (const uint64_t step : steps) {
    for (; at < step && cursor.valid(); ++at) cursor.next();
    if (!cursor.valid()) return;
    out.emplace_back(cursor.key());
  }
}

}  // namespace

std::optional<std::string> RandomKeys::take(DirId collection) {
  const std::lock_guard lock(mutex_);
  const auto found = drawn_.find(collection);
  if (found == drawn_.end() || found->second.empty()) return std::nullopt;
  std::string key = std::move(found->second.back());
  found->second.pop_back();
  return key;
}

void RandomKeys::add(DirId collection, std::vector<std::string> drawn) {
  const std::lock_guard lock(mutex_);
  if (drawn_.size() >= kCollectionsMax && !drawn_.contains(collection)) drawn_.clear();
  drawn_[collection] = std::move(drawn);
}

std::vector<std::string> draw_keys(const ReadTxn& txn, DirId collection, uint64_t keys_count) {
  std::vector<std::string> drawn;
  KeyCursor cursor(txn, collection);
  if (keys_count <= kWalkedMax) {
    cursor.seek("");
    draw_from_run(cursor, keys_count, keys_count <= kDrawn ? 1 : kDrawn, drawn);
  } else {
    cursor.seek_last();
    const std::string last(cursor.valid() ? cursor.key() : "");
    cursor.seek("");
    const std::string first(cursor.valid() ? cursor.key() : "");
    for (size_t i = 0; i < kPlaces; ++i) {
      cursor.seek(random_place(first, last));
      draw_from_run(cursor, kWalkedMax / kPlaces, kDrawn / kPlaces, drawn);
    }
  }
  std::shuffle(drawn.begin(), drawn.end(), random_engine());
  if (!drawn.empty()) return drawn;
  // The run ended before what was drawn: fewer keys are there than were counted, or those sought are the last ones.
  cursor.seek_last();
  if (cursor.valid()) drawn.emplace_back(cursor.key());
  return drawn;
}

}  // namespace kvfs::resp
