#include "fusefs/stored_xattrs.h"

#include <sys/xattr.h>

#include <algorithm>

namespace kvfs {

Result<std::string> with_xattr(std::string_view encoded, std::string_view name, std::string_view value, int flags) {
  auto map = Xattrs::decode(encoded);
  if (!map) return map.error();
  const auto at = std::lower_bound(map->begin(), map->end(), name,
                                   [](const auto& pair, std::string_view n) { return pair.first < n; });
  const bool present = at != map->end() && at->first == name;
  if (present && (flags & XATTR_CREATE) != 0) return Errc::exists;
  if (!present && (flags & XATTR_REPLACE) != 0) return Errc::no_attribute;
  if (present)
    at->second = value;
  else
    map->emplace(at, name, value);
  return Xattrs::encode(*map);
}

Result<std::string> without_xattr(std::string_view encoded, std::string_view name) {
  auto map = Xattrs::decode(encoded);
  if (!map) return map.error();
  if (std::erase_if(*map, [&](const auto& pair) { return pair.first == name; }) == 0) return Errc::no_attribute;
  return map->empty() ? std::string() : Xattrs::encode(*map);
}

}  // namespace kvfs
