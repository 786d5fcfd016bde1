// Patterns of keys and channels, as Redis matches them: * ? [a-z] [^a] and \ before a literal.
#pragma once

#include <string>
#include <string_view>

namespace kvfs {

/// Takes at most pattern.size() * text.size() steps. `pattern` and `text` are bytes.
bool glob_matches(std::string_view pattern, std::string_view text, bool ignore_case = false);

/// The bytes that every text matching `pattern` begins with.
std::string glob_prefix(std::string_view pattern);

}  // namespace kvfs
