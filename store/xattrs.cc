#include <algorithm>

#include "store/byte_order.h"
#include "store/entry.h"

namespace kvfs {

// Each attribute: u16 length of the name, u32 length of the value, name, value.

std::string Xattrs::encode(const Map& map) {
  Map sorted = map;
  std::sort(sorted.begin(), sorted.end());
  std::string out;
  for (const auto& [name, value] : sorted) {
    append_le(out, static_cast<uint16_t>(name.size()));
    append_le(out, static_cast<uint32_t>(value.size()));
    out += name;
    out += value;
  }
  return out;
}

namespace {

/// Calls `visit(name, value)` for each attribute until it returns false. False: malformed.
template <class Visit>
bool for_each_attribute(std::string_view encoded, Visit&& visit) {
  FieldReader in(encoded);
  while (!in.rest().empty()) {
    const auto name_bytes = in.take<uint16_t>();
    const auto value_bytes = in.take<uint32_t>();
    const std::string_view name = in.take_bytes(name_bytes);
    const std::string_view value = in.take_bytes(value_bytes);
    if (in.failed()) return false;
    if (!visit(name, value)) return true;
  }
  return true;
}

}  // namespace

Result<Xattrs::Map> Xattrs::decode(std::string_view encoded) {
  Map out;
  const bool whole = for_each_attribute(encoded, [&](std::string_view name, std::string_view value) {
    out.emplace_back(name, value);
    return true;
  });
  if (!whole) return {Errc::corrupt, "malformed extended attributes"};
  return out;
}

std::optional<std::string_view> Xattrs::find(std::string_view encoded, std::string_view name) {
  std::optional<std::string_view> found;
  for_each_attribute(encoded, [&](std::string_view each, std::string_view value) {
    if (each == name) found = value;
    return !found;
  });
  return found;
}

}  // namespace kvfs
