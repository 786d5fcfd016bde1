// Reads a file in INI syntax into assignments with their lines. Knows nothing of what the keys mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs {

struct IniAssignment {
  std::string section;
  std::string key;
  std::string value;
  int line = 0;
};

struct IniSection {
  std::string name;
  int line = 0;
};

inline constexpr int kIniLineBytesMax = 8192;
inline constexpr size_t kIniSectionBytesMax = 49;  // inih cuts what is longer, so it is refused

struct IniFile {
  std::vector<IniAssignment> assignments;  // an indented line is one more assignment of the key before it
  std::vector<IniSection> sections;        // also those without keys
};

/// `name` is what errors call the text. Errors: invalid, as "NAME:LINE: what is wrong".
Result<IniFile> parse_ini(std::string_view text, std::string_view name);
/// Errors: not_found, access_denied, io (naming the file), invalid.
Result<IniFile> read_ini(const std::string& path, std::string_view name);

}  // namespace kvfs
