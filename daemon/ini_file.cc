#include "daemon/ini_file.h"

#include <fmt/format.h>
#include <ini.h>

#include <algorithm>
#include <mutex>

#include "daemon/config_value.h"
#include "daemon/text_file.h"

namespace kvfs {

namespace {

/// What inih reads from and reports to. It is given the lines one at a time, so the line is known to the handler.
struct Parse {
  std::string_view rest;
  int line = 0;
  bool may_go_on = false;  // an indented line continues the value before
  std::string error;
  int error_line = 0;
  IniFile file;

  void fail(std::string message) {
    if (!error.empty()) return;
    error = std::move(message);
    error_line = line;
  }
};

void note_section(Parse& parse, std::string_view line) {
  const bool indented = line.starts_with(' ') || line.starts_with('\t');
  if (indented && parse.may_go_on) return;  // may begin with an IPv6 address
  line = trimmed(line);
  if (line.empty() || line.front() != '[') return;
  const size_t end = line.find(']');
  if (end == std::string_view::npos) return parse.fail("a section's name must end in ']'");
  const std::string_view name = line.substr(1, end - 1);
  if (name.size() > kIniSectionBytesMax) {
    return parse.fail(fmt::format("a section's name is longer than {} bytes", kIniSectionBytesMax));
  }
  parse.file.sections.push_back({std::string(name), parse.line});
  parse.may_go_on = false;
}

/// Where a ; after a space stands, or the end.
size_t comment_start(std::string_view line) {
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == ';' && (line[i - 1] == ' ' || line[i - 1] == '\t')) return i;
  }
  return line.size();
}

char* read_line(char* buffer, int capacity, void* context) {
  auto& parse = *static_cast<Parse*>(context);
  if (parse.rest.empty()) return nullptr;
  ++parse.line;
  const size_t newline = parse.rest.find('\n');
  std::string_view line = parse.rest.substr(0, newline);
  parse.rest.remove_prefix(newline == std::string_view::npos ? parse.rest.size() : newline + 1);
  if (line.find('\0') != std::string_view::npos) parse.fail("the line holds a NUL byte");
  if (line.size() + 2 > static_cast<size_t>(capacity)) {
    parse.fail(fmt::format("the line is longer than {} bytes", capacity - 2));
    line = line.substr(0, static_cast<size_t>(capacity) - 2);
  }
  note_section(parse, line);
  line = line.substr(0, comment_start(line));  // inih leaves comments in indented lines
  char* end = std::copy(line.begin(), line.end(), buffer);
  *end++ = '\n';
  *end = '\0';
  return buffer;
}

int take_assignment(void* context, const char* section, const char* key, const char* value) {
  auto& parse = *static_cast<Parse*>(context);
  parse.file.assignments.push_back({section, key, value, parse.line});
  parse.may_go_on = true;
  return 1;
}

void configure_inih() {
  static std::once_flag once;
  std::call_once(once, [] {
    ini_use_stack = false;
    ini_initial_alloc = kIniLineBytesMax;
    ini_max_line = kIniLineBytesMax;
  });
}

}  // namespace

Result<IniFile> parse_ini(std::string_view text, std::string_view name) {
  configure_inih();
  Parse parse;
  parse.rest = text;
  const int failed_line = ini_parse_stream(read_line, &parse, take_assignment, &parse);
  if (failed_line < 0) return {Errc::io, fmt::format("{}: not enough memory", name)};
  if (failed_line > 0 && (parse.error.empty() || failed_line < parse.error_line)) {
    parse.error = "neither a [section], nor key = value, nor a comment";
    parse.error_line = failed_line;
  }
  if (!parse.error.empty()) return {Errc::invalid, fmt::format("{}:{}: {}", name, parse.error_line, parse.error)};
  return std::move(parse.file);
}

Result<IniFile> read_ini(const std::string& path, std::string_view name) {
  const auto text = read_text_file(path);
  if (!text) return {text.error().code, "configuration file " + text.error().detail};
  return parse_ini(*text, name);
}

}  // namespace kvfs
