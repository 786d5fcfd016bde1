#include "store/set_value.h"

#include <algorithm>

namespace kvfs {

namespace {

std::string unescaped(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == '\\' || line[i + 1] == 'n')) {
      out.push_back(line[i + 1] == 'n' ? '\n' : '\\');
      ++i;
    } else {
      out.push_back(line[i]);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> decode_members(std::string_view bytes) {
  std::vector<std::string> members;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    members.push_back(unescaped(bytes.substr(0, end)));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  if (!std::is_sorted(members.begin(), members.end(), std::less_equal<>())) {
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
  }
  return members;
}

std::string encode_members(const std::vector<std::string>& members) {
  std::string out;
  for (const std::string& member : members) {
    for (const char c : member) {
      if (c == '\\' || c == '\n') out.push_back('\\');
      out.push_back(c == '\n' ? 'n' : c);
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace kvfs
