#include "store/engine/write_set.h"

#include <cstring>

namespace kvfs {

std::string_view WriteSet::copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* at = static_cast<char*>(arena_.allocate(bytes.size(), 1));
  std::memcpy(at, bytes.data(), bytes.size());
  return {at, bytes.size()};
}

WriteSet::Change& WriteSet::at(std::string_view key) {
  const auto place = changes_.lower_bound(key);
  if (place != changes_.end() && place->first == key) return place->second;
  return changes_.emplace_hint(place, copy(key), Change{})->second;
}

void WriteSet::put(std::string_view key, std::string_view value) { at(key) = {false, copy(value)}; }
void WriteSet::erase(std::string_view key) { at(key) = {true, {}}; }

void WriteSet::clear() {
  changes_.clear();
  arena_.release();
  used.clear();
  released.clear();
}

}  // namespace kvfs
