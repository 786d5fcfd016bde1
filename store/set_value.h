// The bytes of a value of type set: one member a line, in byte order, so that the file is the list of its members.
// Within a member, a backslash is written \\ and a line feed \n. Readers take lines in any order, repeated or without
// the last line feed (as an editor or `echo member >> set` leaves them).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvfs {

/// In byte order, each once.
std::vector<std::string> decode_members(std::string_view bytes);
/// REQUIRES: in byte order, each once.
std::string encode_members(const std::vector<std::string>& members);

}  // namespace kvfs
