#include "respbridge/monitor_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "respbridge/command_categories.h"
#include "respbridge/secrets.h"

namespace kvfs::resp {

namespace {

constexpr size_t kShownBytesMax = 4096;  // of an argument

/// As Redis quotes.
void append_quoted(std::string& line, std::string_view text) {
  constexpr std::string_view kLetters = "\\\"\n\r\t\a\b";
  constexpr std::string_view kEscapes = "\\\"nrtab";
  line += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (const size_t at = kLetters.find(c); at != kLetters.npos)
      line.append("\\").push_back(kEscapes[at]);
    else if (byte >= 0x20 && byte < 0x7f)
      line.push_back(c);
    else
      line += fmt::format("\\x{:02x}", byte);
  }
  line += '"';
}

}  // namespace

bool is_monitored(const CommandSpec& spec) {
  const std::vector<std::string> groups = categories(spec);
  return std::find(groups.begin(), groups.end(), "@admin") == groups.end();
}

std::string monitor_line(const Client& client, Args args, uint64_t now_ms) {
  std::string line =
      fmt::format("+{}.{:06} [{} {}]", now_ms / 1000, now_ms % 1000 * 1000, client.database, client.card->address);
  size_t secrets = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    line += ' ';
    if (secrets > 0) {
      --secrets;
      append_quoted(line, kRedacted);
      continue;
    }
    secrets = secrets_after(args, i);
    append_quoted(line, args[i].substr(0, kShownBytesMax));
  }
  return line + "\r\n";
}

}  // namespace kvfs::resp
