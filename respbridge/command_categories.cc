#include "respbridge/command_categories.h"

namespace kvfs::resp {

namespace {

/// Whether " name " or, for all subcommands, " container| " is in the list.
bool lists(std::string_view names, std::string_view name) {
  const std::string text(name);
  return names.find(" " + text + " ") != names.npos ||
         names.find(" " + text.substr(0, text.find('|') + 1) + " ") != names.npos;
}

// What Redis counts among the administrator's commands, and kvfs lets everybody do within his tenant.
constexpr std::string_view kAdminInRedis = " client|list client|no-evict config|get lastsave latency| role ";
constexpr std::string_view kDangerous = " flushall flushdb info keys restore sort sort_ro swapdb ";
constexpr std::string_view kOnKeyspace = " dbsize flushall flushdb swapdb ";
constexpr std::string_view kOnConnections = " asking command readonly readwrite wait ";

}  // namespace

std::vector<std::string> categories(const CommandSpec& spec) {
  std::vector<std::string> out;
  const std::string_view speed = (spec.flags & kFast) != 0 ? "@fast" : "@slow";
  if ((spec.flags & kContainer) != 0 && spec.name != "command") return {std::string(speed)};
  const bool sorts = spec.name.starts_with("sort");
  const bool connects = lists(kOnConnections, spec.name) || spec.name.starts_with("command|");
  if ((spec.group == "generic" && !sorts && !connects) || lists(kOnKeyspace, spec.name)) out.emplace_back("@keyspace");
  if ((spec.flags & (kWrites | kOwn | kBlindWrite)) != 0 && !spec.name.starts_with("script|"))
    out.emplace_back("@write");
  if ((spec.flags & kReads) != 0 && (spec.flags & kAlone) == 0) out.emplace_back("@read");
  const bool admin = ((spec.flags & kAdmin) != 0 || lists(kAdminInRedis, spec.name)) && !spec.name.ends_with("|help");
  if (admin) out.emplace_back("@admin");
  if (admin || lists(kDangerous, spec.name)) out.emplace_back("@dangerous");
  out.emplace_back(speed);
  if (sorts)
    for (const char* type : {"@set", "@sortedset", "@list"}) out.emplace_back(type);
  else if (connects)
    out.emplace_back("@connection");
  else if (spec.group == "transactions")
    out.emplace_back("@transaction");
  else if (spec.group != "generic" && spec.group != "server" && spec.group != "cluster" && spec.name != "pubsub|help")
    out.push_back("@" + std::string(spec.group));
  return out;
}

}  // namespace kvfs::resp
