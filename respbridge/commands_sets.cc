// Commands on sets.
#include <algorithm>
#include <iterator>
#include <set>
#include <span>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/random.h"
#include "respbridge/service.h"
#include "store/glob.h"
#include "store/set_value.h"
#include "store/typed_value.h"

namespace kvfs::resp::commands {

namespace {

using Members = std::vector<std::string>;

/// The set at a key; nullopt: there is none, or (`failed`) an error has been replied.
std::optional<SetReader> find(Call& call, std::string_view key, bool& failed) {
  std::optional<Entry> entry;
  failed = !call.find_set(key, entry);
  if (failed || !entry) return std::nullopt;
  return std::optional<SetReader>(std::in_place, call.txn(), *entry);
}

/// All members in byte order, none where there is no key; nullopt: an error has been replied.
std::optional<Members> load(Call& call, std::string_view key) {
  bool failed = false;
  const std::optional<SetReader> set = find(call, key, failed);
  if (failed) return std::nullopt;
  return set ? set->members() : Members();
}

void reply_members(Call& call, const Members& members) {
  call.reply.set(members.size());
  for (const std::string& member : members) call.reply.bulk(member);
}

std::string draw_one(const SetReader& set) { return set.random(random_below); }

/// `count` members, each at most once, in random order.
Members draw(const SetReader& set, size_t count) {
  Members drawn;
  if (count >= set.size() / 3) {
    const Members members = set.members();
    std::sample(members.begin(), members.end(), std::back_inserter(drawn), count, random_engine());
    std::shuffle(drawn.begin(), drawn.end(), random_engine());
    return drawn;
  }
  std::set<std::string> seen;
  while (drawn.size() < count)
    if (std::string member = draw_one(set); seen.insert(member).second) drawn.push_back(std::move(member));
  return drawn;
}

enum class Algebra { intersection, union_of_all, difference };

/// Looking a member up in a set costs as much as reading so many of its members.
constexpr uint64_t kLookupCost = 8;

using Sets = std::vector<std::optional<SetReader>>;

/// The sets at the keys, nullopt for those that are not there; nullopt: an error has been replied.
std::optional<Sets> find_all(Call& call, Args keys) {
  Sets sets;
  sets.reserve(keys.size());
  for (const std::string_view key : keys) {
    bool failed = false;
    std::optional<SetReader> set = find(call, key, failed);
    if (failed) return std::nullopt;
    if ((call.spec.flags & kWrites) != 0) call.looked_up(key, set && set->size() > 0);
    sets.push_back(std::move(set));
  }
  return sets;
}

/// Keeps of `members` those that are in `set`, or those that are not.
void keep(Members& members, const SetReader& set, bool inside) {
  if (set.size() / kLookupCost > members.size()) {
    std::erase_if(members, [&](const std::string& member) { return set.contains(member) != inside; });
    return;
  }
  const Members others = set.members();
  Members kept;
  const auto into = std::back_inserter(kept);
  if (inside)
    std::set_intersection(members.begin(), members.end(), others.begin(), others.end(), into);
  else
    std::set_difference(members.begin(), members.end(), others.begin(), others.end(), into);
  members = std::move(kept);
}

/// For an intersection; empty where one of them is not there.
std::vector<const SetReader*> smallest_first(const Sets& sets) {
  std::vector<const SetReader*> out;
  for (const auto& set : sets) {
    if (!set) return {};
    out.push_back(&*set);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->size() < b->size(); });
  return out;
}

Members intersection_of(const Sets& sets) {
  const std::vector<const SetReader*> ordered = smallest_first(sets);
  if (ordered.empty()) return {};
  Members members = ordered[0]->members();
  for (const SetReader* other : std::span(ordered).subspan(1)) keep(members, *other, true);
  return members;
}

std::optional<Members> combine(Call& call, Args keys, Algebra algebra) {
  const std::optional<Sets> sets = find_all(call, keys);
  if (!sets) return std::nullopt;
  if (algebra == Algebra::intersection) return intersection_of(*sets);
  Members members;
  if (sets->front()) members = sets->front()->members();
  for (const auto& set : std::span(*sets).subspan(1)) {
    if (!set) continue;
    if (algebra == Algebra::difference) {
      keep(members, *set, false);
      continue;
    }
    const Members others = set->members();
    Members all;
    all.reserve(members.size() + others.size());
    std::set_union(members.begin(), members.end(), others.begin(), others.end(), std::back_inserter(all));
    members = std::move(all);
  }
  return members;
}

/// How many members all the sets have in common, but no more than `limit`.
uint64_t count_common(const Sets& sets, uint64_t limit) {
  const std::vector<const SetReader*> ordered = smallest_first(sets);
  if (ordered.empty()) return 0;
  uint64_t count = 0;
  ordered[0]->for_each([&](std::string_view member) {
    const bool common =
        std::all_of(ordered.begin() + 1, ordered.end(), [&](const auto* other) { return other->contains(member); });
    count += common ? 1 : 0;
    return count < limit;
  });
  return count;
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

}  // namespace

void sadd(Call& call) {
  for (const std::string_view member : call.args.subspan(2))
    if (member.size() > call.service.options().set_member_bytes_max)
      return call.reply.error("ERR a member of a set has at most " +
                              std::to_string(call.service.options().set_member_bytes_max) + " bytes");
  if (const auto done = call.change_set(call.args[1], call.args.subspan(2), true))
    call.reply.integer(static_cast<int64_t>(done->changed));
}

void srem(Call& call) {
  if (const auto done = call.change_set(call.args[1], call.args.subspan(2), false))
    call.reply.integer(static_cast<int64_t>(done->changed));
}

void smembers(Call& call) {
  if (const std::optional<Members> members = load(call, call.args[1])) reply_members(call, *members);
}

void scard(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_set(call.args[1], entry)) return;
  const uint64_t size = !entry ? 0 : entry->state.empty() ? SetReader(call.txn(), *entry).size() : entry->keys;
  call.reply.integer(static_cast<int64_t>(size));
}

void sismember(Call& call) {
  bool failed = false;
  const std::optional<SetReader> set = find(call, call.args[1], failed);
  if (!failed) call.reply.integer(set && set->contains(call.args[2]) ? 1 : 0);
}

void smismember(Call& call) {
  bool failed = false;
  const std::optional<SetReader> set = find(call, call.args[1], failed);
  if (failed) return;
  call.reply.array(call.args.size() - 2);
  for (const std::string_view member : call.args.subspan(2)) call.reply.integer(set && set->contains(member) ? 1 : 0);
}

void spop(Call& call) {
  if (call.args.size() > 3) return call.syntax_error();
  size_t count = 1;
  if (call.args.size() == 3) {
    const std::optional<int64_t> wanted = parse_integer(call.args[2]);
    if (!wanted || *wanted < 0) return call.reply.error("ERR value is out of range, must be positive");
    count = static_cast<size_t>(*wanted);
  }
  bool failed = false;
  const std::optional<SetReader> set = find(call, call.args[1], failed);
  if (failed) return;
  Members drawn;
  if (set) drawn = set->to_pop(count, random_below);
  if (!drawn.empty()) {
    if (drawn.size() == set->size()) {
      call.remove(call.args[1]);
      if (call.scope.failure) return;
    } else {
      const std::vector<std::string_view> gone(drawn.begin(), drawn.end());
      if (!call.change_set(call.args[1], gone, false)) return;
    }
  }
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
    if (*count == INT64_MIN)
      return call.reply.error(
          "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  }
  bool failed = false;
  const std::optional<SetReader> set = find(call, call.args[1], failed);
  if (failed) return;
  const bool empty = !set || set->size() == 0;
  if (!count) {
    if (empty) return call.reply.null();
    return call.reply.bulk(draw_one(*set));
  }
  if (empty || *count >= 0) {
    const Members drawn = empty ? Members() : draw(*set, static_cast<size_t>(*count));
    call.reply.array(drawn.size());
    for (const std::string& member : drawn) call.reply.bulk(member);
    return;
  }
  constexpr int64_t kRepeatedMax = 10'000'000;  // a reply of more would be refused by any client
  if (-*count > kRepeatedMax) return call.reply.error("ERR value is out of range");
  call.reply.array(static_cast<size_t>(-*count));
  for (int64_t i = 0; i < -*count; ++i) call.reply.bulk(draw_one(*set));
}

void smove(Call& call) {
  bool failed = false;
  const std::optional<SetReader> from = find(call, call.args[1], failed);
  if (failed) return;
  if (!from) return call.reply.integer(0);
  std::optional<Entry> to;
  if (!call.find_set(call.args[2], to)) return;
  if (!from->contains(call.args[3])) return call.reply.integer(0);
  if (call.args[1] == call.args[2]) return call.reply.integer(1);
  const Args member = call.args.subspan(3, 1);
  call.event("srem");
  if (!call.change_set(call.args[1], member, false)) return;
  call.event("sadd");
  if (call.change_set(call.args[2], member, true)) call.reply.integer(1);
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
  const std::optional<Sets> sets = find_all(call, call.args.subspan(2, keys));
  if (!sets) return;
  const uint64_t common = limit > 0 ? count_common(*sets, static_cast<uint64_t>(limit)) : intersection_of(*sets).size();
  call.reply.integer(static_cast<int64_t>(common));
}

/// Walks in the order of the members' places, which does not change when others come and go.
void sscan(Call& call) {
  constexpr uint64_t kPlaces = uint64_t{1} << 53;
  const std::optional<uint64_t> cursor = parse_unsigned(call.args[2]);
  if (!cursor) return call.reply.error(kInvalidCursor);
  bool failed = false;
  const std::optional<SetReader> set = find(call, call.args[1], failed);
  if (failed) return;
  if (!set) {  // as Redis: the options are not looked at
    call.reply.array(2);
    call.reply.bulk("0");
    return call.reply.array(0);
  }
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
  SetReader::Page page;
  if (*cursor < kPlaces) page = set->page(*cursor, count);
  call.reply.array(2);
  call.reply.bulk(std::to_string(page.next));
  if (match) std::erase_if(page.members, [&](const std::string& member) { return !glob_matches(*match, member); });
  call.reply.array(page.members.size());
  for (const std::string& member : page.members) call.reply.bulk(member);
}

}  // namespace kvfs::resp::commands
