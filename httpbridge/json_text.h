// JSON as text: checked, compacted, taken apart and written without losing a digit of a number or the order of members.
// Nothing here builds a document in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs::http {

inline constexpr size_t kJsonDepthMax = 1000;

/// One complete JSON value in valid UTF-8, nested at most kJsonDepthMax deep. Errors: invalid, naming the offset.
Result<void> validate_json(std::string_view text);
bool valid_utf8(std::string_view bytes);

/// What follows REQUIRES text that validate_json() accepted, or a view of a value within such a text.

/// Past the closing quotation mark of the string that begins at `at`.
size_t end_of_json_string(std::string_view text, size_t at);
/// The first byte from `at` on that is no blank between tokens.
size_t skip_json_blanks(std::string_view text, size_t at);
/// Without the blanks between tokens; every token as it was.
void append_compact_json(std::string& out, std::string_view text);
std::string_view trim_json(std::string_view text);
/// The bytes a JSON string stands for (unpaired surrogates become U+FFFD). REQUIRES: begins with '"'.
std::string decode_json_string(std::string_view raw);
inline bool is_json_string(std::string_view raw) { return !raw.empty() && raw.front() == '"'; }

/// Walks the members of an object. Views into the text.
class JsonMembers {
 public:
  /// REQUIRES: `object` begins with '{' (trimmed).
  explicit JsonMembers(std::string_view object);
  bool next();
  const std::string& name() const { return name_; }
  std::string_view raw_name() const { return raw_name_; }  // with its quotation marks
  std::string_view value() const { return value_; }        // trimmed

 private:
  std::string_view rest_;
  std::string_view raw_name_;
  std::string name_;
  std::string_view value_;
};

/// Walks the elements of an array. Views into the text.
class JsonElements {
 public:
  /// REQUIRES: `array` begins with '[' (trimmed).
  explicit JsonElements(std::string_view array);
  bool next();
  std::string_view value() const { return value_; }  // trimmed

 private:
  std::string_view rest_;
  std::string_view value_;
};

/// Writers. REQUIRES of the first: valid UTF-8.
void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, uint64_t number);
void append_base64(std::string& out, std::string_view bytes);
/// `"name":"<text>"`, or, for bytes that are no UTF-8, `"name_base64":"<base64>"`.
void append_text_member(std::string& out, std::string_view name, std::string_view bytes);
/// Standard alphabet with padding. Errors: invalid.
Result<std::string> decode_base64(std::string_view text);

}  // namespace kvfs::http
