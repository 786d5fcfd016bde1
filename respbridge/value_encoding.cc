#include "respbridge/value_encoding.h"

#include <algorithm>

#include "respbridge/numbers.h"
#include "respbridge/service.h"

namespace kvfs::resp {

namespace {

std::string_view string_encoding(const Entry& entry) {
  constexpr uint64_t kIntegerDigitsMax = 20;
  constexpr uint64_t kEmbeddedBytesMax = 44;
  if (!entry.chunked && entry.size <= kIntegerDigitsMax && parse_integer(entry.inline_value)) return "int";
  return entry.size <= kEmbeddedBytesMax ? "embstr" : "raw";
}

std::string_view set_encoding(const Call& call, const Entry& entry) {
  const SetReader set(call.txn(), entry);
  if (set.size() > call.service.config().set_intset_max()) return "hashtable";
  const std::vector<std::string> members = set.members();
  const bool integers =
      std::all_of(members.begin(), members.end(), [](const std::string& each) { return parse_integer(each); });
  return integers ? "intset" : "hashtable";
}

}  // namespace

std::string_view value_encoding(const Call& call, const Entry& entry) {
  return entry.type == ValueType::set ? set_encoding(call, entry) : string_encoding(entry);
}

}  // namespace kvfs::resp
