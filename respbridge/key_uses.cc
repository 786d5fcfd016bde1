#include "respbridge/key_uses.h"

#include <algorithm>

#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kReadsValue = "RO access";
constexpr std::string_view kLooksAtKey = "RO";
constexpr std::string_view kChangesValue = "RW access update";
constexpr std::string_view kDependsOnOptions = "RW access update variable_flags";
constexpr std::string_view kReplaces = "OW update";
constexpr std::string_view kMakes = "OW insert";
constexpr std::string_view kTakes = "RW access delete";
constexpr std::string_view kChannels = "not_key";

/// Commands all of whose keys are used alike; " name " is looked for.
struct Alike {
  std::string_view flags;
  std::string_view commands;
};
constexpr Alike kAlike[] = {
    {kReadsValue,
     " bitcount bitfield_ro bitpos dump expiretime get getbit getrange lcs mget pexpiretime pttl sdiff sinter "
     "sintercard "
     "smembers smismember sort_ro srandmember sscan substr sunion ttl "},
    {kLooksAtKey,
     " exists memory|usage object|encoding object|freq object|idletime object|refcount scard sismember strlen touch "
     "type "
     "watch "},
    {kChangesValue, " decr decrby getex getset incr incrby incrbyfloat move setbit "},
    {kDependsOnOptions, " bitfield set "},
    {"RW update", " expire expireat persist pexpire pexpireat setrange "},
    {"RW insert", " append sadd "},
    {"RW delete", " srem "},
    {kTakes, " getdel spop "},
    {"RM delete", " del unlink "},
    {kReplaces, " mset psetex restore setex "},
    {kMakes, " msetnx setnx "},
    {kChannels, " spublish ssubscribe sunsubscribe "},
};

/// Commands that use the first key in one way and the others, from `begin` on, in another.
struct Unlike {
  std::string_view command;
  std::string_view first;
  std::string_view others;
  int begin;
  int last;
};
constexpr Unlike kUnlike[] = {
    {"bitop", kReplaces, kReadsValue, 3, -1},
    {"copy", kReadsValue, kReplaces, 2, 0},
    {"rename", kTakes, kReplaces, 2, 0},
    {"renamenx", kTakes, kMakes, 2, 0},
    {"sdiffstore", kReplaces, kReadsValue, 2, -1},
    {"sinterstore", "RW update", kReadsValue, 2, -1},
    {"smove", kTakes, "RW insert", 2, 0},
    {"sort", kReadsValue, kReplaces, 0, 0},
    {"sunionstore", kReplaces, kReadsValue, 2, -1},
};

const Unlike* find_unlike(std::string_view name) {
  for (const Unlike& each : kUnlike)
    if (each.command == name) return &each;
  return nullptr;
}

std::string_view flags_alike(std::string_view name) {
  const std::string looked_for = " " + std::string(name) + " ";
  for (const Alike& each : kAlike)
    if (each.commands.find(looked_for) != each.commands.npos) return each.flags;
  return {};
}

/// SET and BITFIELD.
std::string_view by_options(const CommandSpec& spec, Args args) {
  const auto has = [&](std::string_view word, size_t from) {
    return std::any_of(args.begin() + static_cast<ptrdiff_t>(std::min(from, args.size())), args.end(),
                       [&](std::string_view each) { return equals_ignoring_case(each, word); });
  };
  if (spec.name == "set") return has("get", 3) ? kChangesValue : kReplaces;
  // BITFIELD: what is no operation, or lacks a word, might have become one that writes.
  for (size_t i = 2; i < args.size();) {
    const size_t left = args.size() - i - 1;
    if (equals_ignoring_case(args[i], "get") && left >= 2)
      i += 3;
    else if (equals_ignoring_case(args[i], "overflow") && left >= 1)
      i += 2;
    else
      return kChangesValue;
  }
  return kReadsValue;
}

}  // namespace

std::vector<KeyUse> key_uses(const CommandSpec& spec) {
  if (const Unlike* two = find_unlike(spec.name))
    return {{two->first, spec.first_key, 0, 1, false}, {two->others, two->begin, two->last, 1, false}};
  const std::string_view flags = flags_alike(spec.name);
  if (flags.empty()) return {};
  if ((spec.flags & kMovable) != 0) return {{flags, 1, 0, 1, true}};
  const int last = spec.last_key < 0 ? spec.last_key : spec.last_key - spec.first_key;
  return {{flags, spec.first_key, last, spec.key_step, false}};
}

std::string_view key_flags(const CommandSpec& spec, Args args, size_t position) {
  if (const Unlike* two = find_unlike(spec.name))
    return position == static_cast<size_t>(spec.first_key) ? two->first : two->others;
  const std::string_view flags = flags_alike(spec.name);
  return flags == kDependsOnOptions ? by_options(spec, args) : flags;
}

bool names_channels(const CommandSpec& spec) { return flags_alike(spec.name) == kChannels; }

}  // namespace kvfs::resp
