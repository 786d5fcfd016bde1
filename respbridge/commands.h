// The handlers of the command table, by family: each in the commands_*.cc that its row's group names.
#pragma once

#include <string_view>

#include "respbridge/command.h"

namespace kvfs::resp::commands {

/// The version of Redis whose behaviour these follow.
inline constexpr std::string_view kRedisVersion = "7.0.15";

/// Ends what a connection listens to; what MULTI and WATCH began.
void unsubscribe_all(Client& client, Service& service);
void discard_transaction(Client& client);

void acl_whoami(Call& call);
void append(Call& call);
void auth(Call& call);
void bgsave(Call& call);
void client_getname(Call& call);
void client_getredir(Call& call);
void client_id(Call& call);
void client_info(Call& call);
void client_kill(Call& call);
void client_list(Call& call);
void client_no_evict(Call& call);
void client_no_touch(Call& call);
void client_reply(Call& call);
void client_setinfo(Call& call);
void client_setname(Call& call);
void client_tracking(Call& call);
void client_trackinginfo(Call& call);
void cluster(Call& call);
void command(Call& call);
void command_count(Call& call);
void command_docs(Call& call);
void command_getkeys(Call& call);
void command_info(Call& call);
void command_list(Call& call);
void config_get(Call& call);
void config_resetstat(Call& call);
void config_rewrite(Call& call);
void config_set(Call& call);
void container_help(Call& call);
void copy(Call& call);
void dbsize(Call& call);
void debug(Call& call);
void decr(Call& call);
void decrby(Call& call);
void del(Call& call);
void discard(Call& call);
void echo(Call& call);
void exec(Call& call);
void exists(Call& call);
void expire(Call& call);
void expireat(Call& call);
void expiretime(Call& call);
void flushall(Call& call);
void flushdb(Call& call);
void get(Call& call);
void getdel(Call& call);
void getex(Call& call);
void getrange(Call& call);
void getset(Call& call);
void hello(Call& call);
void incr(Call& call);
void incrby(Call& call);
void incrbyfloat(Call& call);
void info(Call& call);
void keys(Call& call);
void lastsave(Call& call);
void latency_doctor(Call& call);
void latency_empty(Call& call);
void latency_histogram(Call& call);
void latency_reset(Call& call);
void memory_doctor(Call& call);
void memory_purge(Call& call);
void memory_usage(Call& call);
void mget(Call& call);
void monitor(Call& call);
void move(Call& call);
void mset(Call& call);
void multi(Call& call);
void object_encoding(Call& call);
void object_freq(Call& call);
void object_idletime(Call& call);
void object_refcount(Call& call);
void persist(Call& call);
void pexpire(Call& call);
void pexpireat(Call& call);
void pexpiretime(Call& call);
void ping(Call& call);
void psubscribe(Call& call);
void pttl(Call& call);
void publish(Call& call);
void pubsub_channels(Call& call);
void pubsub_numpat(Call& call);
void pubsub_numsub(Call& call);
void pubsub_shardchannels(Call& call);
void pubsub_shardnumsub(Call& call);
void punsubscribe(Call& call);
void quit(Call& call);
void randomkey(Call& call);
void rename(Call& call);
void renamenx(Call& call);
void replicaof(Call& call);
void reset(Call& call);
void role(Call& call);
void save(Call& call);
void scan(Call& call);
void select(Call& call);
void set(Call& call);
void setex(Call& call);
void setnx(Call& call);
void setrange(Call& call);
void shutdown(Call& call);
void slowlog_get(Call& call);
void slowlog_len(Call& call);
void slowlog_reset(Call& call);
void spublish(Call& call);
void ssubscribe(Call& call);
void strlen(Call& call);
void subscribe(Call& call);
void sunsubscribe(Call& call);
void time(Call& call);
void ttl(Call& call);
void type(Call& call);
void unsubscribe(Call& call);
void unwatch(Call& call);
void wait(Call& call);
void waitaof(Call& call);
void watch(Call& call);

}  // namespace kvfs::resp::commands
