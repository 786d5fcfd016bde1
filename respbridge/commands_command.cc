// COMMAND and its subcommands, and HELP of all containers: the command table tells of itself.
#include <algorithm>
#include <initializer_list>

#include "respbridge/command_categories.h"
#include "respbridge/command_syntax.h"
#include "respbridge/commands.h"
#include "respbridge/key_uses.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "store/glob.h"

namespace kvfs::resp::commands {

namespace {

bool is_subcommand(const CommandSpec& spec) { return spec.name.find('|') != spec.name.npos; }

std::vector<const CommandSpec*> subcommands_of(const CommandSpec& container) {
  std::vector<const CommandSpec*> out;
  const std::string prefix = std::string(container.name) + "|";
  for (const CommandSpec& spec : command_table())
    if (spec.name.starts_with(prefix)) out.push_back(&spec);
  return out;
}

/// "get", "CLIENT|LIST".
const CommandSpec* find_any(std::string_view name) {
  const size_t bar = name.find('|');
  if (bar == name.npos) return find_command(name);
  return find_subcommand(lower_case(name.substr(0, bar)), name.substr(bar + 1));
}

std::vector<std::string_view> flag_names(const CommandSpec& spec) {
  constexpr std::pair<uint32_t, std::string_view> kNames[] = {
      {kWrites | kOwn, "write"}, {kReads, "readonly"},   {kDenyOom, "denyoom"},
      {kAdmin, "admin"},         {kPubsub, "pubsub"},    {kNoAuth, "no_auth"},
      {kFast, "fast"},           {kNoMulti, "no_multi"}, {kMovable | kMoreKeys, "movablekeys"}};
  std::vector<std::string_view> out;
  for (const auto& [bits, name] : kNames)
    if ((spec.flags & bits) != 0) out.push_back(name);
  return out;
}

void reply_words(Reply& reply, std::string_view words) {
  std::vector<std::string_view> each;
  for (size_t at = 0; at < words.size();) {
    const size_t end = std::min(words.find(' ', at), words.size());
    each.push_back(words.substr(at, end - at));
    at = end + 1;
  }
  reply.set(each.size());
  for (const std::string_view word : each) reply.status(word);
}

/// A map with numbers, behind its name and the name of its kind.
void reply_place(Reply& reply, std::string_view name, std::string_view kind,
                 std::initializer_list<std::pair<std::string_view, int>> numbers) {
  reply.bulk(name);
  reply.map(2);
  reply.bulk("type");
  reply.bulk(kind);
  reply.bulk("spec");
  reply.map(numbers.size());
  for (const auto& [word, number] : numbers) {
    reply.bulk(word);
    reply.integer(number);
  }
}

void describe(Reply& reply, const KeyUse& use) {
  reply.map(3);
  reply.bulk("flags");
  reply_words(reply, use.flags);
  if (use.begin == 0) {
    reply_place(reply, "begin_search", "unknown", {});
    return reply_place(reply, "find_keys", "unknown", {});
  }
  reply_place(reply, "begin_search", "index", {{"index", use.begin}});
  if (use.counted)
    reply_place(reply, "find_keys", "keynum", {{"keynumidx", 0}, {"firstkey", 1}, {"keystep", use.step}});
  else
    reply_place(reply, "find_keys", "range", {{"lastkey", use.last}, {"keystep", use.step}, {"limit", 0}});
}

void describe(Reply& reply, const CommandSpec& spec) {
  reply.array(10);
  reply.bulk(spec.name);
  reply.integer(spec.arity);
  const std::vector<std::string_view> flags = flag_names(spec);
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.status(flag);
  reply.integer(spec.first_key);
  reply.integer(spec.last_key);
  reply.integer(spec.key_step);
  const std::vector<std::string> groups = categories(spec);
  reply.set(groups.size());
  for (const std::string& group : groups) reply.status(group);
  reply.array(0);  // tips
  const std::vector<KeyUse> uses = key_uses(spec);
  reply.array(uses.size());
  for (const KeyUse& use : uses) describe(reply, use);
  const std::vector<const CommandSpec*> subcommands = subcommands_of(spec);
  reply.array(subcommands.size());
  for (const CommandSpec* sub : subcommands) describe(reply, *sub);
}

void reply_arguments(Reply& reply, const std::vector<SyntaxArgument>& arguments) {
  reply.array(arguments.size());
  for (const SyntaxArgument& each : arguments) {
    const bool repeats_token = each.multiple && each.type != "pure-token" && !each.token.empty();
    const std::pair<bool, std::string_view> flags[] = {
        {each.optional, "optional"}, {each.multiple, "multiple"}, {repeats_token, "multiple_token"}};
    const bool flagged = each.optional || each.multiple;
    reply.map(2 + size_t{!each.token.empty()} + size_t{flagged} + size_t{!each.arguments.empty()});
    reply.bulk("name");
    reply.bulk(each.name);
    reply.bulk("type");
    reply.bulk(each.type);
    if (!each.token.empty()) {
      reply.bulk("token");
      reply.bulk(each.token);
    }
    if (flagged) {
      reply.bulk("flags");
      reply.set(static_cast<size_t>(
          std::count_if(std::begin(flags), std::end(flags), [](const auto& flag) { return flag.first; })));
      for (const auto& [on, name] : flags)
        if (on) reply.status(name);
    }
    if (!each.arguments.empty()) {
      reply.bulk("arguments");
      reply_arguments(reply, each.arguments);
    }
  }
}

void document(Reply& reply, const CommandSpec& spec) {
  const std::vector<const CommandSpec*> subcommands = subcommands_of(spec);
  const std::vector<SyntaxArgument> arguments = parse_syntax(syntax_of(spec.name));
  reply.bulk(spec.name);
  reply.map(3 + size_t{!arguments.empty()} + size_t{!subcommands.empty()});
  reply.bulk("summary");
  reply.bulk(spec.summary);
  reply.bulk("since");
  reply.bulk(spec.since);
  reply.bulk("group");
  reply.bulk(spec.group);
  if (!arguments.empty()) {
    reply.bulk("arguments");
    reply_arguments(reply, arguments);
  }
  if (subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(subcommands.size());
  for (const CommandSpec* sub : subcommands) document(reply, *sub);
}

std::vector<const CommandSpec*> top_level() {
  std::vector<const CommandSpec*> out;
  for (const CommandSpec& spec : command_table())
    if (!is_subcommand(spec)) out.push_back(&spec);
  return out;
}

}  // namespace

void command(Call& call) {
  const std::vector<const CommandSpec*> all = top_level();
  call.reply.array(all.size());
  for (const CommandSpec* spec : all) describe(call.reply, *spec);
}

void command_count(Call& call) { call.reply.integer(static_cast<int64_t>(top_level().size())); }

void command_info(Call& call) {
  if (call.args.size() == 2) return command(call);
  call.reply.array(call.args.size() - 2);
  for (const std::string_view name : call.args.subspan(2)) {
    if (const CommandSpec* spec = find_any(name))
      describe(call.reply, *spec);
    else
      call.reply.null();
  }
}

void command_docs(Call& call) {
  std::vector<const CommandSpec*> wanted;
  if (call.args.size() == 2) wanted = top_level();
  for (const std::string_view name : call.args.subspan(2))
    if (const CommandSpec* spec = find_any(name)) wanted.push_back(spec);
  call.reply.map(wanted.size());
  for (const CommandSpec* spec : wanted) document(call.reply, *spec);
}

void command_list(Call& call) {
  std::vector<const CommandSpec*> wanted;
  for (const CommandSpec& spec : command_table()) wanted.push_back(&spec);
  OptionsReader words(call.args, 2);
  if (words.left() == 3 && words.take("filterby")) {
    if (const auto pattern = words.take_value("pattern")) {
      std::erase_if(wanted, [&](const CommandSpec* spec) { return !glob_matches(*pattern, spec->name, true); });
    } else if (const auto category = words.take_value("aclcat")) {
      std::erase_if(wanted, [&](const CommandSpec* spec) {
        for (const std::string& each : categories(*spec))
          if (equals_ignoring_case(*category, each.substr(1))) return false;
        return true;
      });
    } else if (words.take_value("module")) {
      wanted.clear();
    }
  }
  if (!words.at_end()) return call.syntax_error();
  call.reply.array(wanted.size());
  for (const CommandSpec* spec : wanted) call.reply.bulk(spec->name);
}

namespace {

void reply_keys(Call& call, bool with_flags) {
  const Args inner = call.args.subspan(2);
  const CommandSpec* spec = find_command(inner[0]);
  if (spec != nullptr && (spec->flags & kContainer) != 0 && inner.size() > 1)
    spec = find_subcommand(spec->name, inner[1]);
  if (spec == nullptr) return call.reply.error("ERR Invalid command specified");
  const bool has_keys = (spec->first_key != 0 || (spec->flags & kMovable) != 0) && !names_channels(*spec);
  if (!has_keys) return call.reply.error("ERR The command has no key arguments");
  if (!arity_fits(*spec, inner.size()))
    return call.reply.error("ERR Invalid number of arguments specified for command");
  const auto positions = key_positions(*spec, inner);
  if (!positions) return call.reply.error("ERR Invalid arguments specified for command");
  call.reply.array(positions->size());
  for (const size_t at : *positions) {
    if (with_flags) call.reply.array(2);
    call.reply.bulk(inner[at]);
    if (with_flags) reply_words(call.reply, key_flags(*spec, inner, at));
  }
}

}  // namespace

void command_getkeys(Call& call) { reply_keys(call, false); }
void command_getkeysandflags(Call& call) { reply_keys(call, true); }

void container_help(Call& call) {
  const std::string_view name = call.spec.name.substr(0, call.spec.name.find('|'));
  const std::vector<const CommandSpec*> subcommands = subcommands_of(*find_command(name));
  call.reply.array(1 + subcommands.size() * 2);
  call.reply.status(upper_case(name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec* sub : subcommands) {
    call.reply.status(upper_case(sub->name.substr(name.size() + 1)));
    call.reply.status("    " + std::string(sub->summary));
  }
}

void cluster(Call& call) { call.reply.error("ERR This instance has cluster support disabled"); }

void module_list(Call& call) { call.reply.array(0); }

void replication(Call& call) {
  call.reply.error("ERR replicas of Redis cannot follow kvfs: `kvfs backup` copies a store, DUMP and SCAN its keys");
}

}  // namespace kvfs::resp::commands
