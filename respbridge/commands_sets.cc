// Commands on sets.
#include <algorithm>
#include <functional>
#include <iterator>
#include <random>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"
#include "store/glob.h"
#include "store/set_value.h"

namespace kvfs::resp::commands {

namespace {

using Members = std::vector<std::string>;

bool has(const Members& members, std::string_view member) {
  return std::binary_search(members.begin(), members.end(), member);
}

/// The members of a set, none where there is no key; nullopt: an error has been replied.
std::optional<Members> load(Call& call, std::string_view key, std::optional<Entry>* entry = nullptr) {
  std::optional<Entry> found;
  if (!call.find_set(key, found)) return std::nullopt;
  Members members;
  if (found) {
    const std::optional<std::string> bytes = call.read(*found);
    if (!bytes) return std::nullopt;
    members = decode_members(*bytes);
  }
  if (entry != nullptr) *entry = found;
  return members;
}

/// Writes the members back; a set without members is no key. False: an error has been replied.
bool store(Call& call, std::string_view key, const std::optional<Entry>& entry, const Members& members) {
  if (members.empty()) {
    call.remove(key);
    return !call.scope.failure;
  }
  PutOptions options = keep_all(entry);
  options.type = ValueType::set;
  return call.put(key, encode_members(members), options);
}

void reply_members(Call& call, const Members& members) {
  call.reply.set(members.size());
  for (const std::string& member : members) call.reply.bulk(member);
}

std::mt19937_64& random_engine() {
  thread_local std::mt19937_64 engine(std::random_device{}());
  return engine;
}

size_t random_below(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_engine()); }

/// `count` members, each at most once, in random order; `rest` keeps the others in order.
Members draw(Members members, size_t count, Members* rest = nullptr) {
  Members drawn;
  std::sample(members.begin(), members.end(), std::back_inserter(drawn), count, random_engine());
  if (rest != nullptr)
    std::set_difference(members.begin(), members.end(), drawn.begin(), drawn.end(), std::back_inserter(*rest));
  std::shuffle(drawn.begin(), drawn.end(), random_engine());
  return drawn;
}

enum class Algebra { intersection, union_of_all, difference };

std::optional<Members> combine(Call& call, Args keys, Algebra algebra) {
  std::optional<Members> result;
  bool failed = false;
  for (const std::string_view key : keys) {
    std::optional<Members> members = load(call, key);
    if (!members) {
      failed = true;
      break;
    }
    if (!result) {
      result = std::move(members);
      continue;
    }
    Members out;
    const auto into = std::back_inserter(out);
    if (algebra == Algebra::intersection)
      std::set_intersection(result->begin(), result->end(), members->begin(), members->end(), into);
    else if (algebra == Algebra::union_of_all)
      std::set_union(result->begin(), result->end(), members->begin(), members->end(), into);
    else
      std::set_difference(result->begin(), result->end(), members->begin(), members->end(), into);
    result = std::move(out);
  }
  if (failed) return std::nullopt;
  return result;
}

void reply_combined(Call& call, Algebra algebra) {
  if (const std::optional<Members> members = combine(call, call.args.subspan(1), algebra))
    reply_members(call, *members);
}

void store_combined(Call& call, Algebra algebra) {
  const std::optional<Members> members = combine(call, call.args.subspan(2), algebra);
  if (!members) return;
  if (members->empty()) {
    call.event("del");
    call.remove(call.args[1]);
    return call.reply.integer(0);
  }
  PutOptions options;
  options.type = ValueType::set;
  if (call.put(call.args[1], encode_members(*members), options))
    call.reply.integer(static_cast<int64_t>(members->size()));
}

/// A member's place in SSCAN: below 2^53, so that clients that keep cursors as doubles do not harm it; never 0.
uint64_t scan_place(std::string_view member) {
  constexpr uint64_t kMask = (uint64_t{1} << 53) - 1;
  return std::max<uint64_t>(std::hash<std::string_view>{}(member)&kMask, 1);
}

}  // namespace

void sadd(Call& call) {
  std::optional<Entry> entry;
  std::optional<Members> members = load(call, call.args[1], &entry);
  if (!members) return;
  Members wanted(call.args.begin() + 2, call.args.end());
  for (const std::string& member : wanted)
    if (member.size() > call.service.options().set_member_bytes_max)
      return call.reply.error("ERR a member of a set has at most " +
                              std::to_string(call.service.options().set_member_bytes_max) + " bytes");
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  Members all;
  std::set_union(members->begin(), members->end(), wanted.begin(), wanted.end(), std::back_inserter(all));
  const auto added = static_cast<int64_t>(all.size() - members->size());
  if (added == 0 || store(call, call.args[1], entry, all)) call.reply.integer(added);
}

void srem(Call& call) {
  std::optional<Entry> entry;
  std::optional<Members> members = load(call, call.args[1], &entry);
  if (!members) return;
  const size_t before = members->size();
  for (const std::string_view member : call.args.subspan(2)) {
    const auto at = std::lower_bound(members->begin(), members->end(), member);
    if (at != members->end() && *at == member) members->erase(at);
  }
  const auto removed = static_cast<int64_t>(before - members->size());
  if (removed == 0 || store(call, call.args[1], entry, *members)) call.reply.integer(removed);
}

void smembers(Call& call) {
  if (const std::optional<Members> members = load(call, call.args[1])) reply_members(call, *members);
}

void scard(Call& call) {
  if (const std::optional<Members> members = load(call, call.args[1]))
    call.reply.integer(static_cast<int64_t>(members->size()));
}

void sismember(Call& call) {
  if (const std::optional<Members> members = load(call, call.args[1]))
    call.reply.integer(has(*members, call.args[2]) ? 1 : 0);
}

void smismember(Call& call) {
  const std::optional<Members> members = load(call, call.args[1]);
  if (!members) return;
  call.reply.array(call.args.size() - 2);
  for (const std::string_view member : call.args.subspan(2)) call.reply.integer(has(*members, member) ? 1 : 0);
}

void spop(Call& call) {
  if (call.args.size() > 3) return call.syntax_error();
  size_t count = 1;
  if (call.args.size() == 3) {
    const std::optional<int64_t> wanted = parse_integer(call.args[2]);
    if (!wanted || *wanted < 0) return call.reply.error("ERR value is out of range, must be positive");
    count = static_cast<size_t>(*wanted);
  }
  std::optional<Entry> entry;
  std::optional<Members> members = load(call, call.args[1], &entry);
  if (!members) return;
  Members rest;
  const Members drawn = draw(std::move(*members), count, &rest);
  if (!drawn.empty() && !store(call, call.args[1], entry, rest)) return;
  if (call.args.size() == 3) return reply_members(call, drawn);
  if (drawn.empty()) return call.reply.null();
  call.reply.bulk(drawn[0]);
}

void srandmember(Call& call) {
  if (call.args.size() > 3) return call.syntax_error();
  std::optional<int64_t> count;
  if (call.args.size() == 3) {
    count = parse_integer(call.args[2]);
    if (!count) return call.not_an_integer();
    if (*count < -(INT64_MAX / 2)) return call.reply.error("ERR value is out of range");
  }
  std::optional<Members> members = load(call, call.args[1]);
  if (!members) return;
  if (!count) {
    if (members->empty()) return call.reply.null();
    return call.reply.bulk((*members)[random_below(members->size())]);
  }
  if (members->empty() || *count >= 0) {
    const Members drawn = draw(std::move(*members), static_cast<size_t>(std::max<int64_t>(*count, 0)));
    call.reply.array(drawn.size());
    for (const std::string& member : drawn) call.reply.bulk(member);
    return;
  }
  constexpr int64_t kRepeatedMax = 10'000'000;  // a reply of more would be refused by any client
  if (-*count > kRepeatedMax) return call.reply.error("ERR value is out of range");
  call.reply.array(static_cast<size_t>(-*count));
  for (int64_t i = 0; i < -*count; ++i) call.reply.bulk((*members)[random_below(members->size())]);
}

void smove(Call& call) {
  std::optional<Entry> from_entry;
  std::optional<Entry> to_entry;
  std::optional<Members> from = load(call, call.args[1], &from_entry);
  if (!from) return;
  if (!from_entry) return call.reply.integer(0);
  std::optional<Members> to = load(call, call.args[2], &to_entry);
  if (!to) return;
  const std::string_view member = call.args[3];
  const auto at = std::lower_bound(from->begin(), from->end(), member);
  if (at == from->end() || *at != member) return call.reply.integer(0);
  if (call.args[1] == call.args[2]) return call.reply.integer(1);
  from->erase(at);
  if (!has(*to, member)) to->insert(std::lower_bound(to->begin(), to->end(), member), std::string(member));
  // The views in to_entry end with the first write; what keep_all() takes of it is no view.
  call.event("srem");
  if (!store(call, call.args[1], from_entry, *from)) return;
  call.event("sadd");
  if (store(call, call.args[2], to_entry, *to)) call.reply.integer(1);
}

void sinter(Call& call) { reply_combined(call, Algebra::intersection); }
void sunion(Call& call) { reply_combined(call, Algebra::union_of_all); }
void sdiff(Call& call) { reply_combined(call, Algebra::difference); }
void sinterstore(Call& call) { store_combined(call, Algebra::intersection); }
void sunionstore(Call& call) { store_combined(call, Algebra::union_of_all); }
void sdiffstore(Call& call) { store_combined(call, Algebra::difference); }

void sintercard(Call& call) {
  const std::optional<int64_t> count = parse_integer(call.args[1]);
  if (!count || *count <= 0) return call.reply.error("ERR numkeys should be greater than 0");
  if (static_cast<size_t>(*count) > call.args.size() - 2)
    return call.reply.error("ERR Number of keys can't be greater than number of args");
  const auto keys = static_cast<size_t>(*count);
  int64_t limit = 0;
  OptionsReader words(call.args, 2 + keys);
  while (!words.at_end()) {
    const auto value = words.take_value("limit");
    if (!value) return call.syntax_error();
    const std::optional<int64_t> number = parse_integer(*value);
    if (!number || *number < 0) return call.reply.error("ERR LIMIT can't be negative");
    limit = *number;
  }
  const std::optional<Members> members = combine(call, call.args.subspan(2, keys), Algebra::intersection);
  if (!members) return;
  const auto size = static_cast<int64_t>(members->size());
  call.reply.integer(limit > 0 ? std::min(limit, size) : size);
}

/// Walks in the order of the members' hashes, which does not change when others come and go.
void sscan(Call& call) {
  const std::optional<uint64_t> cursor = parse_unsigned(call.args[2]);
  if (!cursor) return call.reply.error(kInvalidCursor);
  size_t count = 10;
  std::optional<std::string_view> match;
  OptionsReader words(call.args, 3);
  while (!words.at_end()) {
    if (const auto pattern = words.take_value("match")) {
      match = *pattern;
    } else if (const auto value = words.take_value("count")) {
      const std::optional<int64_t> number = parse_integer(*value);
      if (!number) return call.not_an_integer();
      if (*number < 1) return call.syntax_error();
      count = static_cast<size_t>(*number);
    } else {
      return call.syntax_error();
    }
  }
  const std::optional<Members> members = load(call, call.args[1]);
  if (!members) return;
  std::vector<std::pair<uint64_t, const std::string*>> places;
  for (const std::string& member : *members)
    if (const uint64_t place = scan_place(member); place > *cursor) places.emplace_back(place, &member);
  std::sort(places.begin(), places.end());
  size_t taken = std::min(count, places.size());
  while (taken > 0 && taken < places.size() && places[taken].first == places[taken - 1].first) ++taken;
  call.reply.array(2);
  call.reply.bulk(taken < places.size() ? std::to_string(places[taken - 1].first) : "0");
  Members found;
  for (size_t i = 0; i < taken; ++i)
    if (!match || glob_matches(*match, *places[i].second)) found.push_back(*places[i].second);
  call.reply.array(found.size());
  for (const std::string& member : found) call.reply.bulk(member);
}

}  // namespace kvfs::resp::commands
