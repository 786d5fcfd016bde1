// COMMAND and its subcommands, and HELP of all containers: the command table tells of itself.
#include "respbridge/commands.h"
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

std::vector<std::string> categories(const CommandSpec& spec) {
  std::vector<std::string> out;
  if (spec.first_key != 0 || (spec.flags & kMovable) != 0) out.emplace_back("@keyspace");
  if ((spec.flags & (kWrites | kOwn)) != 0) out.emplace_back("@write");
  if ((spec.flags & kReads) != 0) out.emplace_back("@read");
  if ((spec.flags & kAdmin) != 0) out.emplace_back("@admin");
  out.emplace_back((spec.flags & kFast) != 0 ? "@fast" : "@slow");
  if (spec.group == "transactions")
    out.emplace_back("@transaction");
  else if (spec.group != "generic" && spec.group != "server")
    out.push_back("@" + std::string(spec.group));
  return out;
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
  reply.array(0);  // key specifications
  const std::vector<const CommandSpec*> subcommands = subcommands_of(spec);
  reply.array(subcommands.size());
  for (const CommandSpec* sub : subcommands) describe(reply, *sub);
}

void document(Reply& reply, const CommandSpec& spec) {
  const std::vector<const CommandSpec*> subcommands = subcommands_of(spec);
  reply.bulk(spec.name);
  reply.map(subcommands.empty() ? 3 : 4);
  reply.bulk("summary");
  reply.bulk(spec.summary);
  reply.bulk("since");
  reply.bulk(spec.since);
  reply.bulk("group");
  reply.bulk(spec.group);
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

void command_getkeys(Call& call) {
  const Args inner = call.args.subspan(2);
  const CommandSpec* spec = find_command(inner[0]);
  if (spec == nullptr) return call.reply.error("ERR Invalid command specified");
  if ((spec->flags & kContainer) != 0 && inner.size() > 1)
    if (const CommandSpec* sub = find_subcommand(spec->name, inner[1])) spec = sub;
  if (!arity_fits(*spec, inner.size()))
    return call.reply.error("ERR Invalid number of arguments specified for command");
  const auto positions = key_positions(*spec, inner);
  if (!positions) return call.reply.error("ERR Invalid arguments specified for command");
  if (positions->empty()) return call.reply.error("ERR The command has no key arguments");
  call.reply.array(positions->size());
  for (const size_t at : *positions) call.reply.bulk(inner[at]);
}

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
