#include "store/privileges.h"

#include <sys/stat.h>

#include "store/entry.h"

namespace kvfs {

uint32_t set_id_bits(uint32_t mode) { return mode & (S_ISUID | ((mode & S_IXGRP) != 0 ? S_ISGID : 0u)); }

std::string without_capabilities(std::string_view xattrs) {
  if (xattrs.empty() || !Xattrs::find(xattrs, kCapabilitiesName)) return std::string(xattrs);
  auto map = Xattrs::decode(xattrs);
  if (!map) return std::string(xattrs);
  std::erase_if(*map, [](const auto& attribute) { return attribute.first == kCapabilitiesName; });
  return map->empty() ? std::string() : Xattrs::encode(*map);
}

}  // namespace kvfs
