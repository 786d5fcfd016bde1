// Commands that read whole values to carry them elsewhere or to compare and sort them: DUMP, RESTORE, LCS, SORT.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/memory_config.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/serialization.h"
#include "respbridge/service.h"
#include "store/set_value.h"

namespace kvfs::resp::commands {

void dump(Call& call) {
  const std::optional<Entry> entry = call.find(call.args[1]);
  if (!entry) return call.reply.null();
  if (const std::optional<std::string> bytes = call.read(*entry)) call.reply.bulk(serialize(entry->type, *bytes));
}

void restore(Call& call) {
  bool replace = false;
  bool absolute = false;
  std::optional<uint64_t> idle_s;
  std::optional<uint8_t> frequency;
  OptionsReader words(call.args, 4);
  while (!words.at_end()) {
    if (words.take("replace")) {
      replace = true;
    } else if (words.take("absttl")) {
      absolute = true;
    } else if (const auto seconds = frequency ? std::nullopt : words.take_value("idletime")) {
      const auto number = parse_integer(*seconds);
      if (!number) return call.not_an_integer();
      if (*number < 0) return call.reply.error("ERR Invalid IDLETIME value, must be >= 0");
      idle_s = static_cast<uint64_t>(*number);
    } else if (const auto given = idle_s ? std::nullopt : words.take_value("freq")) {
      const auto number = parse_integer(*given);
      if (!number) return call.not_an_integer();
      if (*number < 0 || *number > 255) return call.reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255");
      frequency = static_cast<uint8_t>(*number);
    } else {
      return call.syntax_error();
    }
  }
  if (!replace && call.find(call.args[1])) return call.reply.error("BUSYKEY Target key name already exists.");
  const std::optional<int64_t> ttl_ms = parse_integer(call.args[2]);
  if (!ttl_ms) return call.not_an_integer();
  if (*ttl_ms < 0) return call.reply.error("ERR Invalid TTL value, must be >= 0");
  const Result<Deserialized> value = deserialize(call.args[3], call.service.options().bulk_bytes_max);
  if (!value) return call.reply.error("ERR " + value.error().message());
  PutOptions options;
  options.type = value->type;
  options.expires_ms = 0;
  if (*ttl_ms > 0) options.expires_ms = static_cast<uint64_t>(*ttl_ms) + (absolute ? 0 : call.now_ms());
  if (!call.put(call.args[1], value->bytes, options)) return;
  if (idle_s || frequency) {
    note_uses(call);
    set_use(call, call.args[1], idle_s.value_or(0), frequency.value_or(kFrequencyOfNewKeys));
  }
  call.reply.ok();
}

namespace {

struct LcsOptions {
  bool length = false;
  bool matches = false;
  bool match_lengths = false;
  int64_t match_min = 0;
};

struct Match {
  size_t a_first, a_last, b_first, b_last;
};

constexpr uint64_t kLcsCellsMax = uint64_t{1} << 28;  // of the table, 4 bytes each

/// Walks the table of lengths from its end; fills `text` (from its end) and the matches, last first.
std::vector<Match> walk_lcs(std::string_view a, std::string_view b, const std::vector<uint32_t>& table,
                            std::string& text) {
  const size_t width = b.size() + 1;
  const auto at = [&](size_t i, size_t j) { return table[i * width + j]; };
  std::vector<Match> matches;
  std::optional<Match> open;
  size_t i = a.size();
  size_t j = b.size();
  size_t left = text.size();
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      text[--left] = a[i - 1];
      if (open && open->a_first == i && open->b_first == j) {
        --open->a_first;
        --open->b_first;
      } else {
        if (open) matches.push_back(*open);
        open = Match{i - 1, i - 1, j - 1, j - 1};
      }
      --i;
      --j;
    } else if (at(i - 1, j) > at(i, j - 1)) {
      --i;
    } else {
      --j;
    }
  }
  if (open) matches.push_back(*open);
  return matches;
}

void reply_matches(Call& call, const std::vector<Match>& all, const LcsOptions& options, size_t length) {
  std::vector<Match> matches = all;
  std::erase_if(matches, [&](const Match& match) {
    return static_cast<int64_t>(match.a_last - match.a_first + 1) < options.match_min;
  });
  call.reply.map(2);
  call.reply.bulk("matches");
  call.reply.array(matches.size());
  for (const Match& match : matches) {
    call.reply.array(options.match_lengths ? 3 : 2);
    for (const auto& [first, last] : {std::pair(match.a_first, match.a_last), std::pair(match.b_first, match.b_last)}) {
      call.reply.array(2);
      call.reply.integer(static_cast<int64_t>(first));
      call.reply.integer(static_cast<int64_t>(last));
    }
    if (options.match_lengths) call.reply.integer(static_cast<int64_t>(match.a_last - match.a_first + 1));
  }
  call.reply.bulk("len");
  call.reply.integer(static_cast<int64_t>(length));
}

}  // namespace

void lcs(Call& call) {
  std::string texts[2];
  for (size_t n = 0; n < 2; ++n) {
    const std::optional<Entry> entry = call.find(call.args[1 + n]);
    if (!entry) continue;
    if (entry->type == ValueType::set) return call.reply.error("ERR The specified keys must contain string values");
    const std::optional<std::string> bytes = call.read(*entry);
    if (!bytes) return;
    texts[n] = *bytes;
  }
  LcsOptions options;
  OptionsReader words(call.args, 3);
  while (!words.at_end()) {
    if (words.take("len")) {
      options.length = true;
    } else if (words.take("idx")) {
      options.matches = true;
    } else if (words.take("withmatchlen")) {
      options.match_lengths = true;
    } else if (const auto least = words.take_value("minmatchlen")) {
      const std::optional<int64_t> number = parse_integer(*least);
      if (!number) return call.not_an_integer();
      options.match_min = std::max<int64_t>(*number, 0);
    } else {
      return call.syntax_error();
    }
  }
  if (options.length && options.matches)
    return call.reply.error("ERR If you want both the length and indexes, please just use IDX.");
  const auto& [a, b] = texts;
  const size_t width = b.size() + 1;
  if ((a.size() + 1) * width > kLcsCellsMax) return call.reply.error("ERR String too long for LCS");
  std::vector<uint32_t> table((a.size() + 1) * width, 0);
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j)
      table[i * width + j] = a[i - 1] == b[j - 1] ? table[(i - 1) * width + j - 1] + 1
                                                  : std::max(table[(i - 1) * width + j], table[i * width + j - 1]);
  const size_t length = table[a.size() * width + b.size()];
  if (options.length) return call.reply.integer(static_cast<int64_t>(length));
  std::string text(length, '\0');
  const std::vector<Match> matches = walk_lcs(a, b, table, text);
  if (options.matches) return reply_matches(call, matches, options, length);
  call.reply.bulk(text);
}

namespace {

struct SortOptions {
  std::optional<std::string_view> store;
  std::optional<std::string_view> by;
  std::vector<std::string_view> get;
  bool descending = false;
  bool as_text = false;
  int64_t offset = 0;
  int64_t count = -1;
};

std::optional<SortOptions> parse_sort(Call& call) {
  SortOptions out;
  OptionsReader words(call.args, 2);
  while (!words.at_end()) {
    if (words.take("asc")) {
      out.descending = false;
    } else if (words.take("desc")) {
      out.descending = true;
    } else if (words.take("alpha")) {
      out.as_text = true;
    } else if (const auto by = words.take_value("by")) {
      out.by = *by;
    } else if (const auto get = words.take_value("get")) {
      out.get.push_back(*get);
    } else if (words.left() >= 3 && words.take("limit")) {
      const std::optional<int64_t> offset = parse_integer(words.next());
      const std::optional<int64_t> count = parse_integer(words.next());
      if (!offset || !count) return call.not_an_integer(), std::nullopt;
      out.offset = *offset;
      out.count = *count;
    } else if (const auto store = call.spec.name == "sort" ? words.take_value("store") : std::nullopt) {
      out.store = *store;
    } else {
      return call.syntax_error(), std::nullopt;
    }
  }
  return out;
}

/// The value of the key that `pattern` names with `member` in the place of its '*'; "#" is the member itself.
std::optional<std::string> looked_up(Call& call, std::string_view pattern, const std::string& member) {
  if (pattern == "#") return member;
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return std::nullopt;
  const std::string key = std::string(pattern.substr(0, star)) + member + std::string(pattern.substr(star + 1));
  const std::optional<Entry> entry = call.find(key);
  if (!entry || entry->type == ValueType::set) return std::nullopt;
  return call.read(*entry);
}

struct Ranked {
  std::string member;
  std::string text;
  double number = 0;
};

/// As Redis reads weights: what C takes for a number up to the first NUL, and nothing for 0.
std::optional<double> parse_weight(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double number = std::strtod(text.c_str(), &end);
  if (*end != '\0' || errno == ERANGE || std::isnan(number)) return std::nullopt;
  return number;
}

/// False: the error has been replied.
bool rank(Call& call, const SortOptions& options, Ranked& item) {
  const std::optional<std::string> weight = options.by ? looked_up(call, *options.by, item.member) : item.member;
  item.text = weight.value_or("");
  if (options.as_text || !weight) return true;
  const std::optional<double> number = parse_weight(*weight);
  if (!number) {
    call.reply.error("ERR One or more scores can't be converted into double");
    return false;
  }
  item.number = *number;
  return true;
}

}  // namespace

void sort(Call& call) {
  const std::optional<SortOptions> options = parse_sort(call);
  if (!options) return;
  std::optional<Entry> entry;
  if (!call.find_set(call.args[1], entry)) return;
  if ((call.spec.flags & kWrites) != 0) call.looked_up(call.args[1], entry.has_value());
  std::vector<Ranked> items;
  if (entry) {
    const std::optional<std::string> bytes = call.read(*entry);
    if (!bytes) return;
    for (std::string& member : decode_members(*bytes)) items.push_back({std::move(member), {}, 0});
  }
  const bool ordered = !options->by || options->by->find('*') != options->by->npos;
  if (ordered) {
    for (Ranked& item : items)
      if (!rank(call, *options, item)) return;
    std::sort(items.begin(), items.end(), [&](const Ranked& a, const Ranked& b) {
      const int by_weight = options->as_text ? a.text.compare(b.text) : a.number < b.number ? -1 : a.number > b.number;
      const int order = by_weight != 0 ? by_weight : a.member.compare(b.member);
      return options->descending ? order > 0 : order < 0;
    });
  }
  const auto size = static_cast<int64_t>(items.size());
  const int64_t begin = std::clamp<int64_t>(options->offset, 0, size);
  const int64_t end = options->count < 0 ? size : begin + std::min(options->count, size - begin);
  if (options->store) {
    if (begin != end) return call.reply.error("ERR SORT with STORE makes a list, and kvfs has no lists yet");
    call.event("del");  // a list without elements is none
    call.remove(*options->store);
    return call.reply.integer(0);
  }
  call.reply.array(static_cast<size_t>(end - begin) * std::max<size_t>(options->get.size(), 1));
  for (int64_t i = begin; i < end; ++i) {
    const std::string& member = items[static_cast<size_t>(i)].member;
    if (options->get.empty()) call.reply.bulk(member);
    for (const std::string_view pattern : options->get) {
      if (const std::optional<std::string> value = looked_up(call, pattern, member))
        call.reply.bulk(*value);
      else
        call.reply.null();
    }
  }
}

}  // namespace kvfs::resp::commands
