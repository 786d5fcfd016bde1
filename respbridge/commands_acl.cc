// ACL: tells of the keys of kvfs.ini in Redis's words, a key being a user. Changes nothing.
#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "respbridge/command_categories.h"
#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

// In Redis's order.
constexpr std::string_view kCategories[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};

struct User {
  Identity identity;
  bool needs_no_key = false;
};

/// Those that the caller may know of: of its tenant, or all.
std::vector<User> visible_users(Call& call) {
  const std::shared_ptr<const KeyTable> keys = call.service.keys();
  const Identity& caller = call.client.identity;
  std::vector<User> out;
  if (const Identity* const guest = keys->anonymous(call.client.loopback)) {
    out.push_back({*guest, true});
    out.back().identity.name = "default";
  }
  for (Identity& each : keys->identities()) out.push_back({std::move(each), false});
  std::erase_if(out, [&](const User& user) {
    return !caller.all_tenants && (user.identity.all_tenants || user.identity.tenant != caller.tenant);
  });
  return out;
}

std::optional<User> find_user(Call& call, std::string_view name) {
  for (User& user : visible_users(call))
    if (user.identity.name == name) return std::move(user);
  return std::nullopt;
}

/// What a key may run, as rules: the categories it lacks, and where kvfs draws the line elsewhere than Redis.
std::string rules(const Identity& who) {
  std::string out = "+@all";
  if (who.read_only) out += " -@write";
  if (!who.admin) out += " -@admin";
  for (const CommandSpec& spec : command_table()) {
    if ((spec.flags & kContainer) != 0) continue;
    const std::vector<std::string> groups = categories(spec);
    const auto has = [&](std::string_view group) {
      return std::find(groups.begin(), groups.end(), group) != groups.end();
    };
    const bool by_groups = !(who.read_only && has("@write")) && !(!who.admin && has("@admin"));
    if (by_groups != may_run(who, spec)) out.append(by_groups ? " -" : " +").append(spec.name);
  }
  return out;
}

void reply_field(Call& call, std::string_view name, std::string_view value) {
  call.reply.bulk(name);
  call.reply.bulk(value);
}

}  // namespace

void acl_whoami(Call& call) { call.reply.bulk(call.client.identity.name); }

void acl_cat(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  if (call.args.size() == 2) {
    call.reply.array(std::size(kCategories));
    for (const std::string_view each : kCategories) call.reply.bulk(each);
    return;
  }
  const std::string wanted = lower_case(call.args[2]);
  if (std::find(std::begin(kCategories), std::end(kCategories), wanted) == std::end(kCategories))
    return call.reply.error(fmt::format("ERR Unknown category '{}'", call.args[2]));
  std::vector<std::string_view> names;
  for (const CommandSpec& spec : command_table()) {
    const std::vector<std::string> groups = categories(spec);
    if (std::find(groups.begin(), groups.end(), "@" + wanted) != groups.end()) names.push_back(spec.name);
  }
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

void acl_users(Call& call) {
  const std::vector<User> users = visible_users(call);
  call.reply.array(users.size());
  for (const User& user : users) call.reply.bulk(user.identity.name);
}

void acl_list(Call& call) {
  const std::vector<User> users = visible_users(call);
  call.reply.array(users.size());
  for (const User& user : users)
    call.reply.bulk(fmt::format("user {} on{} ~* &* {}", user.identity.name, user.needs_no_key ? " nopass" : "",
                                rules(user.identity)));
}

void acl_getuser(Call& call) {
  const std::optional<User> user = find_user(call, call.args[2]);
  if (!user) return call.reply.null();
  call.reply.map(6);
  call.reply.bulk("flags");
  call.reply.set(user->needs_no_key ? 2 : 1);
  call.reply.bulk("on");
  if (user->needs_no_key) call.reply.bulk("nopass");
  call.reply.bulk("passwords");
  call.reply.array(0);  // not even their hashes
  reply_field(call, "commands", rules(user->identity));
  reply_field(call, "keys", "~*");
  reply_field(call, "channels", "&*");
  call.reply.bulk("selectors");
  call.reply.array(0);
}

void acl_genpass(Call& call) {
  constexpr int64_t kBitsMax = 4096;
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  int64_t bits = 256;
  if (call.args.size() == 3) {
    const std::optional<int64_t> wanted = parse_integer(call.args[2]);
    if (!wanted) return call.not_an_integer();
    if (*wanted <= 0 || *wanted > kBitsMax)
      return call.reply.error(
          "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096");
    bits = *wanted;
  }
  std::array<unsigned char, kBitsMax / 8> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return call.reply.error("ERR no random numbers are to be had");
  std::string text;
  for (size_t i = 0; text.size() * 4 < static_cast<size_t>(bits); ++i) text += fmt::format("{:02x}", random[i]);
  call.reply.bulk(std::string_view(text).substr(0, static_cast<size_t>(bits + 3) / 4));
}

void acl_log(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  AclLog& log = call.service.acl_log();
  size_t count = 10;
  if (call.args.size() == 3) {
    if (equals_ignoring_case(call.args[2], "reset")) return log.reset(call.client), call.reply.ok();
    const std::optional<int64_t> wanted = parse_integer(call.args[2]);
    if (!wanted) return call.not_an_integer();
    count = static_cast<size_t>(std::max<int64_t>(*wanted, 0));
  }
  const std::vector<AclLog::Record> records = log.visible_to(call.client, count);
  const uint64_t now_ms = call.service.store().now_ms();
  call.reply.array(records.size());
  for (const AclLog::Record& record : records) {
    call.reply.map(7);
    call.reply.bulk("count");
    call.reply.integer(static_cast<int64_t>(record.count));
    reply_field(call, "reason", record.reason);
    reply_field(call, "context", record.context);
    reply_field(call, "object", record.object);
    reply_field(call, "username", record.user);
    call.reply.bulk("age-seconds");
    call.reply.number(static_cast<double>(now_ms - std::min(now_ms, record.at_ms)) / 1000);
    reply_field(call, "client-info", record.client);
  }
}

void acl_dryrun(Call& call) {
  const std::optional<User> user = find_user(call, call.args[2]);
  if (!user) return call.reply.error(fmt::format("ERR User '{}' not found", call.args[2]));
  const Args inner = call.args.subspan(3);
  const CommandSpec* spec = find_command(inner[0]);
  if (spec != nullptr && (spec->flags & kContainer) != 0 && inner.size() > 1)
    spec = find_subcommand(spec->name, inner[1]);
  if (spec == nullptr) return call.reply.error(fmt::format("ERR Command '{}' not found", inner[0]));
  if (!arity_fits(*spec, inner.size()))
    return call.reply.error(fmt::format("ERR wrong number of arguments for '{}' command", spec->name));
  if (may_run(user->identity, *spec)) return call.reply.ok();
  call.reply.bulk(fmt::format("This user has no permissions to run the '{}' command", spec->name));
}

void acl_deluser(Call& call) {
  for (const std::string_view name : call.args.subspan(2)) {
    const std::optional<User> user = find_user(call, name);
    if (!user) continue;
    if (user->needs_no_key) return call.reply.error("ERR The 'default' user cannot be removed");
    return acl_change(call);
  }
  call.reply.integer(0);
}

void acl_change(Call& call) {
  call.reply.error(
      "ERR users are the keys of kvfs.ini: those of section [auth] and of the tenants' sections. Change them there, "
      "then "
      "kvfs reload");
}

}  // namespace kvfs::resp::commands
