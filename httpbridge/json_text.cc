#include "httpbridge/json_text.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>

namespace kvfs::http {

namespace {

namespace json = boost::json;

/// Takes every token and keeps none: the parser alone judges.
struct JudgingHandler {
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);
  using Code = json::error_code;
  using View = json::string_view;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(size_t, Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(size_t, Code&) { return true; }
  bool on_string_part(View, size_t, Code&) { return true; }
  bool on_string(View, size_t, Code&) { return true; }
  bool on_key_part(View, size_t, Code&) { return true; }
  bool on_key(View, size_t, Code&) { return true; }
  bool on_number_part(View, Code&) { return true; }
  bool on_int64(int64_t, View, Code&) { return true; }
  bool on_uint64(uint64_t, View, Code&) { return true; }
  bool on_double(double, View, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// One past the value that begins at `at`.
size_t end_of_value(std::string_view text, size_t at) {
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_json_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || is_blank(c))) {
      return at;
    }
    ++at;
  }
  return text.size();
}

uint32_t hex4(std::string_view digits) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xc0 | point >> 6);
    push(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    push(0xe0 | point >> 12);
    push(0x80 | (point >> 6 & 0x3f));
    push(0x80 | (point & 0x3f));
  } else {
    push(0xf0 | point >> 18);
    push(0x80 | (point >> 12 & 0x3f));
    push(0x80 | (point >> 6 & 0x3f));
    push(0x80 | (point & 0x3f));
  }
}

/// Decodes the escape after the backslash at `at`; returns the offset after it.
size_t append_escape(std::string& out, std::string_view raw, size_t at) {
  const char kind = raw[at + 1];
  switch (kind) {
    case 'b':
      out.push_back('\b');
      return at + 2;
    case 'f':
      out.push_back('\f');
      return at + 2;
    case 'n':
      out.push_back('\n');
      return at + 2;
    case 'r':
      out.push_back('\r');
      return at + 2;
    case 't':
      out.push_back('\t');
      return at + 2;
    case 'u':
      break;
    default:
      out.push_back(kind);
      return at + 2;
  }
  uint32_t point = hex4(raw.substr(at + 2, 4));
  at += 6;
  if (point >= 0xd800 && point < 0xdc00 && raw.substr(at, 2) == "\\u") {
    const uint32_t low = hex4(raw.substr(at + 2, 4));
    if (low >= 0xdc00 && low < 0xe000) {
      append_utf8(out, 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00));
      return at + 6;
    }
  }
  append_utf8(out, point >= 0xd800 && point < 0xe000 ? 0xfffd : point);
  return at;
}

}  // namespace

size_t end_of_json_string(std::string_view text, size_t at) {
  // Most strings hold no escape: then the next quotation mark is the closing one.
  for (size_t from = at + 1;;) {
    const size_t quote = text.find('"', from);
    if (quote == std::string_view::npos) return text.size();
    size_t backslashes = 0;
    while (text[quote - 1 - backslashes] == '\\') ++backslashes;  // stops at the opening mark at the latest
    if (backslashes % 2 == 0) return quote + 1;
    from = quote + 1;
  }
}

size_t skip_json_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

Result<void> validate_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::basic_parser<JudgingHandler> parser(options);
  json::error_code error;
  const size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) {
    const std::string what = error == json::error::too_deep
                                 ? "nested more than " + std::to_string(kJsonDepthMax) + " deep"
                                 : error.message();
    return {Errc::invalid, "not valid JSON at byte " + std::to_string(used) + ": " + what};
  }
  return {};
}

bool valid_utf8(std::string_view bytes) {
  size_t i = 0;
  const auto byte = [&bytes](size_t at) { return static_cast<unsigned char>(bytes[at]); };
  while (i < bytes.size()) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                          : lead >= 0xe0 && lead < 0xf0 ? 3
                          : lead >= 0xf0 && lead < 0xf5 ? 4
                                                        : 0;
    if (length == 0 || i + length > bytes.size()) return false;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    const unsigned second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second > 0x8f))
      return false;
    i += length;
  }
  return true;
}

void append_compact_json(std::string& out, std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '"') {
      const size_t end = end_of_json_string(text, at);
      out.append(text.substr(at, end - at));
      at = end;
    } else {
      if (!is_blank(text[at])) out.push_back(text[at]);
      ++at;
    }
  }
}

std::string_view trim_json(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string decode_json_string(std::string_view raw) {
  std::string out;
  const size_t end = end_of_json_string(raw, 0) - 1;
  out.reserve(end);
  for (size_t at = 1; at < end;) {
    const size_t escape = std::min(raw.find('\\', at), end);
    out.append(raw.substr(at, escape - at));
    at = escape < end ? append_escape(out, raw, escape) : end;
  }
  return out;
}

JsonMembers::JsonMembers(std::string_view object) : rest_(object.substr(1)) {}

bool JsonMembers::next() {
  size_t at = skip_json_blanks(rest_, 0);
  if (at < rest_.size() && rest_[at] == ',') at = skip_json_blanks(rest_, at + 1);
  if (at >= rest_.size() || rest_[at] != '"') return false;
  const size_t name_end = end_of_json_string(rest_, at);
  raw_name_ = rest_.substr(at, name_end - at);
  name_ = decode_json_string(raw_name_);
  at = skip_json_blanks(rest_, skip_json_blanks(rest_, name_end) + 1);  // past the colon
  const size_t end = end_of_value(rest_, at);
  value_ = rest_.substr(at, end - at);
  rest_ = rest_.substr(end);
  return true;
}

JsonElements::JsonElements(std::string_view array) : rest_(array.substr(1)) {}

bool JsonElements::next() {
  size_t at = skip_json_blanks(rest_, 0);
  if (at < rest_.size() && rest_[at] == ',') at = skip_json_blanks(rest_, at + 1);
  if (at >= rest_.size() || rest_[at] == ']') return false;
  const size_t end = end_of_value(rest_, at);
  value_ = rest_.substr(at, end - at);
  rest_ = rest_.substr(end);
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out.push_back('"');
  size_t plain_from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(plain_from, i - plain_from));
    plain_from = i + 1;
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        out.append({'\\', 'u', '0', '0', kDigits[c >> 4 & 15], kDigits[c & 15]});
    }
  }
  out.append(text.substr(plain_from));
  out.push_back('"');
}

void append_json_number(std::string& out, uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_base64(std::string& out, std::string_view bytes) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out.push_back(k <= have ? kAlphabet[group >> (18 - 6 * k) & 63] : '=');
  }
}

void append_text_member(std::string& out, std::string_view name, std::string_view bytes) {
  out.append("\"").append(name);
  if (valid_utf8(bytes)) {
    out.append("\":");
    append_json_string(out, bytes);
  } else {
    out.append("_base64\":\"");
    append_base64(out, bytes);
    out.push_back('"');
  }
}

Result<std::string> decode_base64(std::string_view text) {
  static constexpr auto kValues = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (int i = 0; i < 26; ++i) {
      values[static_cast<size_t>('A' + i)] = static_cast<int8_t>(i);
      values[static_cast<size_t>('a' + i)] = static_cast<int8_t>(26 + i);
    }
    for (int i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = static_cast<int8_t>(52 + i);
    values['+'] = values['-'] = 62;
    values['/'] = values['_'] = 63;
    return values;
  }();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return {Errc::invalid, "not valid base64: wrong length"};
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return {Errc::invalid, "not valid base64: a character that is not of its alphabet"};
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xffffff;
    if ((have += 6) >= 8) {
      have -= 8;
      out.push_back(static_cast<char>(bits >> have & 0xff));
    }
  }
  return out;
}

}  // namespace kvfs::http
