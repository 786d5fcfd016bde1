#include "fusefs/file_name.h"

namespace kvfs {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool needs_escape(std::string_view component) {
  return component.empty() || component == "." || component == ".." || component.starts_with(kEscapePrefix) ||
         component.find('\0') != std::string_view::npos;
}

Error bad_name(std::string_view file_name) {
  return {Errc::invalid, "file name '" + std::string(file_name) +
                             "': names that begin with %: are escaped keys, and this is not one; choose another name"};
}

}  // namespace

std::string to_file_name(std::string_view component) {
  if (!needs_escape(component)) return std::string(component);
  std::string name(kEscapePrefix);
  for (const char c : component) {
    if (is_unreserved(c)) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += '%';
      name += kHex[byte >> 4];
      name += kHex[byte & 15];
    }
  }
  return name;
}

Result<std::string_view> to_component(std::string_view file_name, std::string& buffer) {
  if (!file_name.starts_with(kEscapePrefix)) return file_name;
  buffer.clear();
  for (size_t i = kEscapePrefix.size(); i < file_name.size(); i++) {
    if (file_name[i] != '%') {
      buffer += file_name[i];
      continue;
    }
    if (i + 2 >= file_name.size()) return bad_name(file_name);
    const int high = hex_digit(file_name[i + 1]);
    const int low = hex_digit(file_name[i + 2]);
    if (high < 0 || low < 0) return bad_name(file_name);
    buffer += static_cast<char>(high * 16 + low);
    i += 2;
  }
  // Only the one spelling that to_file_name() makes is a name: otherwise two names would be one key.
  if (!needs_escape(buffer) || to_file_name(buffer) != file_name) return bad_name(file_name);
  return std::string_view(buffer);
}

}  // namespace kvfs
