#include "store/glob.h"

#include <algorithm>

namespace kvfs {

namespace {

unsigned char fold(char c, bool ignore_case) {
  return static_cast<unsigned char>(ignore_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/// Whether `c` is in the class that begins at pattern[at] (behind the '['); `at` ends behind it. A class that is not
/// closed ends with the pattern.
bool class_matches(std::string_view pattern, size_t& at, char c, bool ignore_case) {
  const bool inverted = at < pattern.size() && pattern[at] == '^';
  if (inverted) ++at;
  const unsigned char wanted = fold(c, ignore_case);
  bool matched = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      matched |= fold(pattern[at + 1], ignore_case) == wanted;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      unsigned char low = fold(pattern[at], ignore_case);
      unsigned char high = fold(pattern[at + 2], ignore_case);
      if (low > high) std::swap(low, high);
      matched |= low <= wanted && wanted <= high;
      at += 3;
    } else {
      matched |= fold(pattern[at], ignore_case) == wanted;
      ++at;
    }
  }
  if (at < pattern.size()) ++at;
  return matched != inverted;
}

/// Matches one character against the element at pattern[at], which is no '*'; `at` ends behind the element.
bool element_matches(std::string_view pattern, size_t& at, char c, bool ignore_case) {
  switch (pattern[at]) {
    case '?':
      ++at;
      return true;
    case '[':
      ++at;
      return class_matches(pattern, at, c, ignore_case);
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return fold(pattern[at++], ignore_case) == fold(c, ignore_case);
  }
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text, bool ignore_case) {
  size_t p = 0;
  size_t t = 0;
  size_t star = pattern.npos;  // behind the last '*', where to go on when the present attempt fails
  size_t star_text = 0;        // and the text it stands for ends here
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && element_matches(pattern, p, text[t], ignore_case)) {
      ++t;
      continue;
    }
    if (star == pattern.npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string glob_prefix(std::string_view pattern) {
  std::string prefix;
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '*' || c == '?' || c == '[') break;
    if (c == '\\' && at + 1 < pattern.size()) ++at;
    prefix.push_back(pattern[at]);
  }
  return prefix;
}

}  // namespace kvfs
