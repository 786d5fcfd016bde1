// Commands on the connection itself: who, where, and how it is spoken.
#include <fmt/format.h>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

/// Becomes whom the credentials stand for. False: the error has been replied.
bool authenticate(Call& call, std::optional<std::string_view> user, std::string_view password) {
  const std::shared_ptr<const KeyTable> keys = call.service.keys();
  if (keys->empty()) {
    if (user && *user == "default" && call.client.authenticated) return true;
    if (!user) {
      call.reply.error(
          "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
          "configuration is correct?");
      return false;
    }
  }
  const std::optional<Identity> identity = keys->find_user(user, password);
  if (!identity) {
    call.service.acl_log().refused_key(call.client, call.args[0], user.value_or("default"), call.scope.in_exec,
                                       call.service.store().now_ms());
    call.reply.error(kWrongPassword);
    return false;
  }
  if (call.scope.in_exec && identity->tenant != call.client.identity.tenant) {
    call.reply.error("ERR a transaction stays in its tenant: AUTH as another is not allowed inside MULTI");
    return false;
  }
  if (identity->all_tenants && !call.scope.in_exec)
    if (const Result<DirId> made = call.service.store().ensure_tenant(identity->tenant); !made) {
      call.fail(made.error());
      return false;
    }
  if (call.client.identity.tenant != identity->tenant) {
    unsubscribe_all(call.client, call.service);
    end_tracking(call.client, call.service);
  }
  set_identity(call.client, *identity);
  return true;
}

bool is_printable_name(std::string_view name) {
  for (const char c : name)
    if (c < '!' || c > '~') return false;
  return true;
}

bool set_name(Call& call, std::string_view name) {
  if (!is_printable_name(name)) {
    call.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  const std::lock_guard lock(call.client.card->mutex);
  call.client.card->name = name;
  return true;
}

void reply_hello(Call& call) {
  Reply reply(call.reply.buffer(), call.client.protocol);  // already in the version just chosen
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(call.client.protocol);
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(call.client.card->id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

}  // namespace

void set_protocol(Client& client, int protocol) {
  client.protocol = protocol;
  const std::lock_guard lock(client.card->mutex);
  client.card->protocol = protocol;
}

void set_database(Client& client, uint32_t database) {
  client.database = database;
  const std::lock_guard lock(client.card->mutex);
  client.card->database = database;
}

void set_identity(Client& client, const Identity& identity) {
  client.identity = identity;
  client.authenticated = true;
  const std::lock_guard lock(client.card->mutex);
  client.card->user = identity.name;
  client.card->tenant = identity.tenant;
}

void ping(Call& call) {
  if (call.args.size() > 2) return call.wrong_arity();
  const std::string_view text = call.args.size() == 2 ? call.args[1] : std::string_view();
  if (call.client.protocol < 3 && call.client.subscriptions() > 0) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(text);
  }
  if (call.args.size() == 2) return call.reply.bulk(text);
  call.reply.status("PONG");
}

void echo(Call& call) { call.reply.bulk(call.args[1]); }

void quit(Call& call) {
  call.reply.ok();
  call.client.closing = true;
}

void auth(Call& call) {
  if (call.args.size() > 3) return call.syntax_error();
  const bool named = call.args.size() == 3;
  if (authenticate(call, named ? std::optional(call.args[1]) : std::nullopt, call.args.back())) call.reply.ok();
}

void hello(Call& call) {
  int protocol = call.client.protocol;
  OptionsReader words(call.args, 1);
  if (!words.at_end()) {
    const std::optional<int64_t> wanted = parse_integer(words.next());
    if (!wanted) return call.reply.error("ERR Protocol version is not an integer or out of range");
    if (*wanted < 2 || *wanted > 3) return call.reply.error("NOPROTO unsupported protocol version");
    protocol = static_cast<int>(*wanted);
  }
  std::optional<std::pair<std::string_view, std::string_view>> credentials;
  std::optional<std::string_view> name;
  while (!words.at_end()) {
    if (words.left() >= 3 && words.take("auth")) {
      const std::string_view user = words.next();
      credentials.emplace(user, words.next());
    } else if (const auto given = words.take_value("setname")) {
      name = *given;
    } else {
      return call.reply.error(fmt::format("ERR Syntax error in HELLO option '{}'", words.next()));
    }
  }
  if (credentials && !authenticate(call, credentials->first, credentials->second)) return;
  if (!call.client.authenticated)
    return call.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time");
  if (name && !set_name(call, *name)) return;
  set_protocol(call.client, protocol);
  reply_hello(call);
}

void select(Call& call) {
  const std::optional<int64_t> database = parse_integer(call.args[1]);
  if (!database) return call.not_an_integer();
  if (*database != static_cast<int32_t>(*database))
    return call.reply.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  if (*database < 0 || static_cast<uint64_t>(*database) >= call.service.options().databases)
    return call.reply.error(kDatabaseOutOfRange);
  set_database(call.client, static_cast<uint32_t>(*database));
  call.reply.ok();
}

void reset(Call& call) {
  Client& client = call.client;
  discard_transaction(client);
  unsubscribe_all(client, call.service);
  end_tracking(client, call.service);
  if (client.monitor) call.service.clients().remove_monitor(client.outbox.get());
  client.monitor = false;
  client.replies = Client::Replies::on;
  set_protocol(client, 2);
  set_database(client, 0);
  call.service.admit(client, client.loopback);
  {
    const std::lock_guard lock(client.card->mutex);
    client.card->name.clear();
    client.card->monitor = client.card->no_evict = client.card->no_touch = false;
    client.card->user = "default";
  }
  call.reply.status("RESET");
}

void client_id(Call& call) { call.reply.integer(static_cast<int64_t>(call.client.card->id)); }

void client_getname(Call& call) {
  std::string name;
  {
    const std::lock_guard lock(call.client.card->mutex);
    name = call.client.card->name;
  }
  if (name.empty()) return call.reply.null();
  call.reply.bulk(name);
}

void client_setname(Call& call) {
  if (set_name(call, call.args[2])) call.reply.ok();
}

void client_setinfo(Call& call) {
  const bool is_name = equals_ignoring_case(call.args[2], "lib-name");
  if (!is_name && !equals_ignoring_case(call.args[2], "lib-ver"))
    return call.reply.error(fmt::format("ERR Unrecognized option '{}'", call.args[2]));
  if (!is_printable_name(call.args[3]))
    return call.reply.error(fmt::format("ERR {} cannot contain spaces, newlines or special characters.", call.args[2]));
  const std::lock_guard lock(call.client.card->mutex);
  (is_name ? call.client.card->library_name : call.client.card->library_version) = call.args[3];
  call.reply.ok();
}

namespace {

/// The connections that the caller may see: those of its tenant, or all.
std::vector<std::shared_ptr<ClientCard>> visible_clients(Call& call) {
  std::vector<std::shared_ptr<ClientCard>> cards = call.service.clients().all();
  std::erase_if(cards, [&](const std::shared_ptr<ClientCard>& card) { return !is_visible(call.client, *card); });
  return cards;
}

bool is_known_type(std::string_view type) {
  for (const std::string_view known : {"normal", "pubsub", "master", "replica", "slave"})
    if (equals_ignoring_case(type, known)) return true;
  return false;
}

bool has_type(ClientCard& card, std::string_view type) {
  const std::lock_guard lock(card.mutex);
  const bool subscribes = card.channels + card.patterns + card.shard_channels > 0;
  return equals_ignoring_case(type, subscribes ? "pubsub" : "normal");
}

}  // namespace

void client_list(Call& call) {
  std::vector<std::shared_ptr<ClientCard>> cards = visible_clients(call);
  OptionsReader words(call.args, 2);
  if (const auto type = words.take_value("type")) {
    if (!is_known_type(*type)) return call.reply.error(fmt::format("ERR Unknown client type '{}'", *type));
    std::erase_if(cards, [&](const auto& card) { return !has_type(*card, *type); });
  } else if (words.left() >= 2 && words.take("id")) {
    std::vector<uint64_t> ids;
    while (!words.at_end()) {
      const std::optional<int64_t> id = parse_integer(words.next());
      if (!id) return call.reply.error("ERR Invalid client ID");
      ids.push_back(static_cast<uint64_t>(*id));
    }
    std::erase_if(cards, [&](const auto& card) { return std::find(ids.begin(), ids.end(), card->id) == ids.end(); });
  }
  if (!words.at_end()) return call.syntax_error();
  std::string text;
  for (const auto& card : cards) text += describe(*card, call.service.store().now_ms()) + "\n";
  call.reply.verbatim(text);
}

void client_info(Call& call) { call.reply.verbatim(describe(*call.client.card, call.service.store().now_ms()) + "\n"); }

void client_kill(Call& call) {
  std::vector<std::shared_ptr<ClientCard>> cards = visible_clients(call);
  const auto kill = [&](const std::shared_ptr<ClientCard>& card) {
    if (card == call.client.card)
      call.client.closing = true;
    else if (card->kill)
      card->kill();
  };
  if (call.args.size() == 3) {
    for (const auto& card : cards)
      if (card->address == call.args[2]) return kill(card), call.reply.ok();
    return call.reply.error("ERR No such client");
  }
  bool skip_me = true;
  OptionsReader words(call.args, 2);
  while (!words.at_end()) {
    if (const auto id = words.take_value("id")) {
      const std::optional<int64_t> number = parse_integer(*id);
      if (!number || *number <= 0) return call.reply.error("ERR client-id should be greater than 0");
      std::erase_if(cards, [&](const auto& card) { return card->id != static_cast<uint64_t>(*number); });
    } else if (const auto address = words.take_value("addr")) {
      std::erase_if(cards, [&](const auto& card) { return card->address != *address; });
    } else if (const auto local = words.take_value("laddr")) {
      std::erase_if(cards, [&](const auto& card) { return card->local_address != *local; });
    } else if (const auto type = words.take_value("type")) {
      if (!is_known_type(*type)) return call.reply.error(fmt::format("ERR Unknown client type '{}'", *type));
      std::erase_if(cards, [&](const auto& card) { return !has_type(*card, *type); });
    } else if (const auto user = words.take_value("user")) {
      if (*user != "default" && !call.service.keys()->names(*user))
        return call.reply.error(fmt::format("ERR No such user '{}'", *user));
      std::erase_if(cards, [&](const auto& card) {
        const std::lock_guard lock(card->mutex);
        return card->user != *user;
      });
    } else if (const auto skip = words.take_value("skipme")) {
      if (!equals_ignoring_case(*skip, "yes") && !equals_ignoring_case(*skip, "no")) return call.syntax_error();
      skip_me = equals_ignoring_case(*skip, "yes");
    } else {
      return call.syntax_error();
    }
  }
  if (skip_me) std::erase(cards, call.client.card);
  for (const auto& card : cards) kill(card);
  call.reply.integer(static_cast<int64_t>(cards.size()));
}

namespace {

void switch_flag(Call& call, std::atomic<bool> ClientCard::*flag) {
  const bool on = equals_ignoring_case(call.args[2], "on");
  if (!on && !equals_ignoring_case(call.args[2], "off")) return call.syntax_error();
  (*call.client.card).*flag = on;
  call.reply.ok();
}

}  // namespace

void client_no_evict(Call& call) { switch_flag(call, &ClientCard::no_evict); }
void client_no_touch(Call& call) { switch_flag(call, &ClientCard::no_touch); }

void client_reply(Call& call) {
  if (equals_ignoring_case(call.args[2], "on")) {
    call.client.replies = Client::Replies::on;
    return call.reply.ok();
  }
  if (equals_ignoring_case(call.args[2], "off"))
    call.client.replies = Client::Replies::off;
  else if (!equals_ignoring_case(call.args[2], "skip"))
    call.syntax_error();
  else if (call.client.replies != Client::Replies::off)
    call.client.replies = Client::Replies::skip_next;
}

void client_pause(Call& call) {
  if (call.args.size() > 4) return call.wrong_subcommand_arity();
  const std::optional<int64_t> timeout_ms = parse_integer(call.args[2]);
  if (!timeout_ms) return call.reply.error("ERR timeout is not an integer or out of range");
  if (*timeout_ms < 0) return call.reply.error("ERR timeout is negative");
  const bool all = call.args.size() == 3 || equals_ignoring_case(call.args[3], "all");
  if (!all && !equals_ignoring_case(call.args[3], "write"))
    return call.reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  const uint64_t now_ms = call.service.store().now_ms();
  int64_t until_ms = 0;
  if (__builtin_add_overflow(static_cast<int64_t>(now_ms), *timeout_ms, &until_ms))
    return call.reply.error("ERR timeout is out of range");
  call.service.pauses().pause(call.client.identity.tenant, static_cast<uint64_t>(until_ms), all);
  call.reply.ok();
}

void client_unpause(Call& call) {
  call.service.pauses().end(call.client.identity.tenant);
  for (const auto& card : call.service.clients().all())
    if (card->resume) card->resume();
  call.reply.ok();
}

/// No command of kvfs waits for others to write: there is nobody to unblock.
void client_unblock(Call& call) {
  if (call.args.size() > 4) return call.wrong_subcommand_arity();
  const std::optional<int64_t> id = parse_integer(call.args[2]);
  if (call.args.size() == 4 && !equals_ignoring_case(call.args[3], "timeout") &&
      !equals_ignoring_case(call.args[3], "error"))
    return call.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  if (!id) return call.not_an_integer();
  call.reply.integer(0);
}

}  // namespace kvfs::resp::commands
