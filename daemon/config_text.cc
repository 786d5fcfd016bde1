// The configuration as text: effective values, the shipped kvfs.ini, the manual page.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "daemon/config.h"

namespace kvfs {

namespace {

constexpr size_t kTextWidth = 100;
constexpr size_t kValueColumn = 40;
constexpr std::string_view kMask = "********";

/// The words of `text` in lines that begin with `indent`.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string result;
  std::string line(indent);
  std::istringstream words{std::string(text)};
  std::string word;
  while (words >> word) {
    if (line.size() > indent.size() && line.size() + word.size() > kTextWidth) {
      result += line.substr(0, line.size() - 1) + "\n";
      line = indent;
    }
    line += word + " ";
  }
  if (line.size() > indent.size()) result += line.substr(0, line.size() - 1) + "\n";
  return result;
}

std::string without_trailing_space(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// As man(7) wants literal text.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result.empty() || (result.front() != '.' && result.front() != '\'') ? result : "\\&" + result;
}

std::string traits(const ConfigKey& row) {
  std::string result = describe_type(row);
  if (row.secret) result += "; never printed";
  if (row.reload) result += "; taken over by SIGHUP";
  return result;
}

}  // namespace

std::string Config::print() const {
  std::string result;
  const auto print_section = [&](std::string_view name, std::string_view table_name) {
    result += fmt::format("{}[{}]\n", result.empty() ? "" : "\n", name);
    for (const ConfigKey& row : config_table()) {
      if (row.section != table_name) continue;
      const std::string value = text(name, row.key);
      const bool hidden = row.secret && !value.empty();  // a comment: what is printed may be read again
      const std::string line = hidden ? fmt::format("#{} = {}", row.key, kMask)
                                      : without_trailing_space(fmt::format("{} = {}", row.key, value));
      result += fmt::format("{:<{}} ; {}\n", line, kValueColumn, origin(name, row.key));
    }
  };
  for (const ConfigSection& section : config_sections()) {
    if (section.name != "tenant") print_section(section.name, section.name);
  }
  for (const std::string& tenant : tenants_) print_section(tenant_section(tenant), "tenant");
  return result;
}

std::string documented_ini() {
  std::string result =
      "# kvfs.ini: all options of kvfs with their defaults. Remove the # before one to change it.\n"
      "#\n" +
      wrapped(
          "Precedence: -o SECTION.KEY=VALUE on the command line, then KVFS_SECTION_KEY in the environment, then this "
          "file. "
          "Sizes take K, M, G or T; durations ms, s, m, h or d; lists are separated by commas, and may go on in "
          "indented "
          "lines. A ; after a space begins a comment. kvfs --check-config checks this file, kvfs --print-config shows "
          "what "
          "is in effect. SIGHUP takes over the options that say so.",
          "# ");
  for (const ConfigSection& section : config_sections()) {
    const bool tenant = section.name == "tenant";
    result += "\n" + wrapped(section.help, "# ") +
              fmt::format("{}[{}]\n", tenant ? "#" : "", tenant ? "tenant NAME" : section.name);
    for (const ConfigKey& row : config_table()) {
      if (row.section != section.name) continue;
      result += "\n" + wrapped(row.help, "# ") + wrapped(fmt::format("({})", traits(row)), "# ");
      result += without_trailing_space(fmt::format("#{} = {}", row.key, row.default_value)) + "\n";
    }
  }
  return result;
}

std::string manual_page() {
  std::string result =
      ".TH KVFS.INI 5 \"\" \"kvfs\" \"kvfs\"\n"
      ".SH NAME\nkvfs.ini \\- configuration of kvfs\n"
      ".SH SYNOPSIS\n.I /etc/kvfs/kvfs.ini\n"
      ".SH DESCRIPTION\n"
      "The file has sections,\n.BI [ SECTION ],\nwith lines\n.IB KEY \" = \" VALUE .\n"
      "Lines that begin with # or ; are comments; so is what follows a ; after a space. Lists are separated by commas "
      "and may\n"
      "go on in indented lines. Unknown sections and keys, keys given twice and bad values are errors.\n"
      ".PP\n"
      "Each option can also be given in the environment as\n.BI KVFS_ SECTION _ KEY\n"
      "and, over both, on the command line as\n.BI \\-o \" SECTION\" . KEY = VALUE .\n"
      "In the environment,\n.B PORT\nchanges the port of the first HTTP address, and\n.B DB_PATH\nis store.path.\n"
      ".PP\n"
      "A size is a number of bytes with K, M, G or T (powers of 1024). A duration is a number with ms, s, m, h or d.\n";
  for (const ConfigSection& section : config_sections()) {
    result +=
        fmt::format(".SH [{}]\n{}\n", section.name == "tenant" ? "tenant NAME" : section.name, roff(section.help));
    for (const ConfigKey& row : config_table()) {
      if (row.section != section.name) continue;
      result += fmt::format(".TP\n.B {}\n{}\nType: {}. Default: {}.\n", roff(row.key), roff(row.help),
                            roff(traits(row)), row.default_value.empty() ? "empty" : roff(row.default_value));
    }
  }
  result +=
      ".SH FILES\n.I /etc/kvfs/kvfs.ini\nis read where neither\n.B \\-c\nnor\n.B KVFS_CONFIG\nnames another file.\n"
      ".SH SEE ALSO\n.BR kvfs (1),\n.BR mount.kvfs (8)\n";
  return result;
}

}  // namespace kvfs
