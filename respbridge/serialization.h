// The form in which DUMP gives a value and RESTORE takes it: that of Redis's RDB files, so that keys go between kvfs
// and Redis either way.
#pragma once

#include <string>
#include <string_view>

#include "store/entry.h"
#include "store/result.h"

namespace kvfs::resp {

/// `bytes` is the value as the store holds it (of a set: its lines).
std::string serialize(ValueType type, std::string_view bytes);

struct Deserialized {
  ValueType type = ValueType::bytes;
  std::string bytes;
};
/// Strings, and sets as Redis 7.0 and older write them. Errors: invalid (damaged, or a newer version), unsupported
/// (another type). `bytes_max` limits what compressed strings unfold to.
Result<Deserialized> deserialize(std::string_view payload, uint64_t bytes_max);

}  // namespace kvfs::resp
