// Channels: subscribing, publishing, and what there is.
#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

using Names = std::set<std::string, std::less<>>;

/// One kind of subscription: by name, by pattern, or to a sharded channel.
struct Kind {
  std::string_view subscribe;  // the word in the confirmation
  std::string_view unsubscribe;
  Names Client::*names;
  bool pattern;
  bool sharded;
};
constexpr Kind kByName{"subscribe", "unsubscribe", &Client::channels, false, false};
constexpr Kind kByPattern{"psubscribe", "punsubscribe", &Client::patterns, true, false};
constexpr Kind kSharded{"ssubscribe", "sunsubscribe", &Client::shard_channels, false, true};

std::string space_of(const Client& client, const Kind& kind) {
  return kind.sharded ? shard_space(client.identity.tenant) : client.identity.tenant;
}

Channels::SubscriberPtr subscriber_of(const Client& client, const Kind& kind) {
  return kind.sharded ? Outbox::sharded(client.outbox) : client.outbox;
}

void confirm(Call& call, std::string_view word, std::optional<std::string_view> name, const Kind& kind) {
  const Client& client = call.client;
  call.reply.push(3);
  call.reply.bulk(word);
  if (name)
    call.reply.bulk(*name);
  else
    call.reply.null();
  call.reply.integer(static_cast<int64_t>(kind.sharded ? client.shard_channels.size()
                                                       : client.channels.size() + client.patterns.size()));
}

void update_card(const Client& client) {
  const std::lock_guard lock(client.card->mutex);
  client.card->channels = client.channels.size();
  client.card->patterns = client.patterns.size();
  client.card->shard_channels = client.shard_channels.size();
}

void subscribe_to(Call& call, const Kind& kind) {
  Client& client = call.client;
  Names& names = client.*kind.names;
  const std::string space = space_of(client, kind);
  Channels& hub = call.service.store().channels();
  for (const std::string_view name : call.args.subspan(1)) {
    if (client.subscriptions() >= call.service.options().subscriptions_max && !names.contains(name))
      return call.reply.error("ERR a client has at most " + std::to_string(call.service.options().subscriptions_max) +
                              " subscriptions");
    names.emplace(name);
    if (kind.pattern)
      hub.subscribe_pattern(space, name, client.outbox);
    else
      hub.subscribe(space, name, subscriber_of(client, kind));
    confirm(call, kind.subscribe, name, kind);
  }
  update_card(client);
}

void leave_hub(const Client& client, Channels& hub, const Kind& kind, std::string_view name) {
  const std::string space = space_of(client, kind);
  if (kind.pattern)
    hub.unsubscribe_pattern(space, name, client.outbox.get());
  else
    hub.unsubscribe(space, name, subscriber_of(client, kind).get());
}

void unsubscribe_name(Client& client, Channels& hub, const Kind& kind, std::string_view name) {
  Names& names = client.*kind.names;
  const auto at = names.find(name);
  if (at == names.end()) return;
  leave_hub(client, hub, kind, name);
  names.erase(at);
}

void unsubscribe_from(Call& call, const Kind& kind) {
  Client& client = call.client;
  Channels& hub = call.service.store().channels();
  std::vector<std::string> names(call.args.begin() + 1, call.args.end());
  if (names.empty()) names.assign((client.*kind.names).begin(), (client.*kind.names).end());
  if (names.empty()) confirm(call, kind.unsubscribe, std::nullopt, kind);
  for (const std::string& name : names) {
    unsubscribe_name(client, hub, kind, name);
    confirm(call, kind.unsubscribe, name, kind);
  }
  update_card(client);
}

void publish_to(Call& call, std::string space) {
  Channels& hub = call.service.store().channels();
  if (call.scope.in_exec) {
    // What EXEC publishes goes out when it has committed.
    call.reply.integer(static_cast<int64_t>(hub.receivers(space, call.args[1])));
    call.scope.publications.push_back({std::move(space), std::string(call.args[1]), std::string(call.args[2])});
    return;
  }
  call.reply.integer(static_cast<int64_t>(hub.publish(space, call.args[1], call.args[2])));
}

void list_channels(Call& call, const std::string& space) {
  if (call.args.size() > 2 && call.args[2].empty()) return call.reply.array(0);  // a pattern that no name matches
  const std::vector<std::string> found =
      call.service.store().channels().active(space, call.args.size() > 2 ? call.args[2] : "");
  call.reply.array(found.size());
  for (const std::string& channel : found) call.reply.bulk(channel);
}

void count_subscribers(Call& call, const std::string& space) {
  call.reply.array((call.args.size() - 2) * 2);
  for (const std::string_view channel : call.args.subspan(2)) {
    call.reply.bulk(channel);
    call.reply.integer(static_cast<int64_t>(call.service.store().channels().subscribers(space, channel)));
  }
}

}  // namespace

void unsubscribe_all(Client& client, Service& service) {
  for (const Kind& kind : {kByName, kByPattern, kSharded}) {
    // One leaves the set before the hub: a copy of them all would need memory.
    for (Names& names = client.*kind.names; !names.empty();) {
      const auto name = names.extract(names.begin());
      leave_hub(client, service.store().channels(), kind, name.value());
    }
  }
  update_card(client);
}

void subscribe(Call& call) { subscribe_to(call, kByName); }
void psubscribe(Call& call) { subscribe_to(call, kByPattern); }
void ssubscribe(Call& call) { subscribe_to(call, kSharded); }
void unsubscribe(Call& call) { unsubscribe_from(call, kByName); }
void punsubscribe(Call& call) { unsubscribe_from(call, kByPattern); }
void sunsubscribe(Call& call) { unsubscribe_from(call, kSharded); }
void publish(Call& call) { publish_to(call, call.client.identity.tenant); }
void spublish(Call& call) { publish_to(call, shard_space(call.client.identity.tenant)); }

void pubsub_channels(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  list_channels(call, call.client.identity.tenant);
}
void pubsub_shardchannels(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  list_channels(call, shard_space(call.client.identity.tenant));
}
void pubsub_numsub(Call& call) { count_subscribers(call, call.client.identity.tenant); }
void pubsub_shardnumsub(Call& call) { count_subscribers(call, shard_space(call.client.identity.tenant)); }
void pubsub_numpat(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.service.store().channels().patterns(call.client.identity.tenant)));
}

}  // namespace kvfs::resp::commands
