// The one table of all commands: what COMMAND tells, what the executor obeys. Sorted by name; subcommands are rows
// named "container|sub".
#include <algorithm>
#include <array>

#include "respbridge/command.h"
#include "respbridge/commands.h"
#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

// clang-format off
constexpr CommandSpec kCommands[] = {
    // name, arity, flags, first key, last key, step, handler, group, since, summary
    {"acl", -2, kContainer, 0, 0, 0, commands::container_help, "server", "6.0.0", "A container for commands on users."},
    {"acl|help", 2, 0, 0, 0, 0, commands::container_help, "server", "6.0.0", "Lists the subcommands."},
    {"acl|whoami", 2, 0, 0, 0, 0, commands::acl_whoami, "server", "6.0.0", "Returns the name of the key that this connection authenticated with."},
    {"append", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::append, "string", "2.0.0", "Appends bytes to the value of a key."},
    {"auth", -2, kNoAuth | kFast | kAlone | kInQueue, 0, 0, 0, commands::auth, "connection", "1.0.0", "Authenticates the connection; this chooses its tenant."},
    {"bgrewriteaof", 1, kAdmin, 0, 0, 0, commands::bgsave, "server", "1.0.0", "Folds the journal into the base in the background."},
    {"bgsave", -1, kAdmin, 0, 0, 0, commands::bgsave, "server", "1.0.0", "Makes a checkpoint in the background."},
    {"client", -2, kContainer, 0, 0, 0, commands::container_help, "connection", "2.4.0", "A container for commands on connections."},
    {"client|getname", 2, 0, 0, 0, 0, commands::client_getname, "connection", "2.6.9", "Returns the name of the connection."},
    {"client|getredir", 2, 0, 0, 0, 0, commands::client_getredir, "connection", "6.0.0", "Returns where tracking notifications go."},
    {"client|help", 2, 0, 0, 0, 0, commands::container_help, "connection", "5.0.0", "Lists the subcommands."},
    {"client|id", 2, 0, 0, 0, 0, commands::client_id, "connection", "5.0.0", "Returns the number of the connection."},
    {"client|info", 2, 0, 0, 0, 0, commands::client_info, "connection", "6.2.0", "Returns what is known of the connection."},
    {"client|kill", -3, kAdmin, 0, 0, 0, commands::client_kill, "connection", "2.4.0", "Ends connections."},
    {"client|list", -2, 0, 0, 0, 0, commands::client_list, "connection", "2.4.0", "Lists the connections of the tenant."},
    {"client|no-evict", 3, 0, 0, 0, 0, commands::client_no_evict, "connection", "7.0.0", "Accepted for compatibility."},
    {"client|no-touch", 3, 0, 0, 0, 0, commands::client_no_touch, "connection", "7.2.0", "Accepted for compatibility."},
    {"client|reply", 3, kAlone, 0, 0, 0, commands::client_reply, "connection", "3.2.0", "Says whether replies are sent."},
    {"client|setinfo", 4, 0, 0, 0, 0, commands::client_setinfo, "connection", "7.2.0", "Names the client's library and its version."},
    {"client|setname", 3, 0, 0, 0, 0, commands::client_setname, "connection", "2.6.9", "Names the connection."},
    {"client|tracking", -3, kAlone, 0, 0, 0, commands::client_tracking, "connection", "6.0.0", "Client side caching, which is not offered."},
    {"client|trackinginfo", 2, 0, 0, 0, 0, commands::client_trackinginfo, "connection", "6.2.0", "Says that client side caching is off."},
    {"cluster", -2, kContainer, 0, 0, 0, commands::cluster, "server", "3.0.0", "A container for commands of Redis Cluster, which is not offered."},
    {"command", -1, kContainer, 0, 0, 0, commands::command, "server", "2.8.13", "Describes all commands."},
    {"command|count", 2, 0, 0, 0, 0, commands::command_count, "server", "2.8.13", "Returns the number of commands."},
    {"command|docs", -2, 0, 0, 0, 0, commands::command_docs, "server", "7.0.0", "Returns documentation of commands."},
    {"command|getkeys", -3, 0, 0, 0, 0, commands::command_getkeys, "server", "2.8.13", "Returns the keys in a full command."},
    {"command|help", 2, 0, 0, 0, 0, commands::container_help, "server", "5.0.0", "Lists the subcommands."},
    {"command|info", -2, 0, 0, 0, 0, commands::command_info, "server", "2.8.13", "Describes some commands."},
    {"command|list", -2, 0, 0, 0, 0, commands::command_list, "server", "7.0.0", "Returns the names of commands."},
    {"config", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.0.0", "A container for commands on the configuration."},
    {"config|get", -3, 0, 0, 0, 0, commands::config_get, "server", "2.0.0", "Returns parameters that match patterns."},
    {"config|help", 2, 0, 0, 0, 0, commands::container_help, "server", "5.0.0", "Lists the subcommands."},
    {"config|resetstat", 2, kAdmin, 0, 0, 0, commands::config_resetstat, "server", "2.0.0", "Sets the counters of INFO to zero."},
    {"config|rewrite", 2, kAdmin, 0, 0, 0, commands::config_rewrite, "server", "2.8.0", "Refused: the configuration is kvfs.ini."},
    {"config|set", -4, kAdmin, 0, 0, 0, commands::config_set, "server", "2.0.0", "Sets parameters."},
    {"copy", -3, kWrites | kDenyOom, 1, 2, 1, commands::copy, "generic", "6.2.0", "Copies a key to another."},
    {"dbsize", 1, kReads | kFast, 0, 0, 0, commands::dbsize, "server", "1.0.0", "Returns the number of keys in the database."},
    {"debug", -2, kAdmin, 0, 0, 0, commands::debug, "server", "1.0.0", "What test suites need, where it is enabled."},
    {"decr", 2, kWrites | kFast | kDenyOom, 1, 1, 1, commands::decr, "string", "1.0.0", "Takes one from the number in a key."},
    {"decrby", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::decrby, "string", "1.0.0", "Takes a number from the number in a key."},
    {"del", -2, kWrites, 1, -1, 1, commands::del, "generic", "1.0.0", "Removes keys."},
    {"discard", 1, kFast | kInQueue | kAlone, 0, 0, 0, commands::discard, "transactions", "2.0.0", "Forgets the commands queued after MULTI."},
    {"echo", 2, kFast, 0, 0, 0, commands::echo, "connection", "1.0.0", "Returns its argument."},
    {"exec", 1, kInQueue | kAlone, 0, 0, 0, commands::exec, "transactions", "1.2.0", "Executes the commands queued after MULTI in one transaction."},
    {"exists", -2, kReads | kFast, 1, -1, 1, commands::exists, "generic", "1.0.0", "Counts the keys that exist."},
    {"expire", -3, kWrites | kFast, 1, 1, 1, commands::expire, "generic", "1.0.0", "Sets in how many seconds a key ends."},
    {"expireat", -3, kWrites | kFast, 1, 1, 1, commands::expireat, "generic", "1.2.0", "Sets at which second a key ends."},
    {"expiretime", 2, kReads | kFast, 1, 1, 1, commands::expiretime, "generic", "7.0.0", "Returns at which second a key ends."},
    {"flushall", -1, kOwn, 0, 0, 0, commands::flushall, "server", "1.0.0", "Removes the keys of all databases of the tenant."},
    {"flushdb", -1, kOwn, 0, 0, 0, commands::flushdb, "server", "1.0.0", "Removes the keys of the database."},
    {"get", 2, kReads | kFast, 1, 1, 1, commands::get, "string", "1.0.0", "Returns the value of a key."},
    {"getdel", 2, kWrites | kFast, 1, 1, 1, commands::getdel, "string", "6.2.0", "Returns the value of a key and removes the key."},
    {"getex", -2, kWrites | kFast, 1, 1, 1, commands::getex, "string", "6.2.0", "Returns the value of a key and sets when it ends."},
    {"getrange", 4, kReads, 1, 1, 1, commands::getrange, "string", "2.4.0", "Returns a part of a value."},
    {"getset", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::getset, "string", "1.0.0", "Returns the value of a key and sets another."},
    {"hello", -1, kNoAuth | kFast | kAlone | kNoMulti, 0, 0, 0, commands::hello, "connection", "6.0.0", "Chooses the protocol version, authenticates, names the connection."},
    {"incr", 2, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incr, "string", "1.0.0", "Adds one to the number in a key."},
    {"incrby", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incrby, "string", "1.0.0", "Adds a number to the number in a key."},
    {"incrbyfloat", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incrbyfloat, "string", "2.6.0", "Adds a floating-point number to the number in a key."},
    {"info", -1, 0, 0, 0, 0, commands::info, "server", "1.0.0", "Returns facts and counters of the server."},
    {"keys", 2, kReads, 0, 0, 0, commands::keys, "generic", "1.0.0", "Returns the keys that match a pattern."},
    {"lastsave", 1, kFast, 0, 0, 0, commands::lastsave, "server", "1.0.0", "Returns the second of the last checkpoint that a client asked for."},
    {"latency", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.8.13", "A container for commands on latency."},
    {"latency|doctor", 2, 0, 0, 0, 0, commands::latency_doctor, "server", "2.8.13", "Says where latency is watched."},
    {"latency|graph", 3, 0, 0, 0, 0, commands::latency_doctor, "server", "2.8.13", "Says where latency is watched."},
    {"latency|help", 2, 0, 0, 0, 0, commands::container_help, "server", "2.8.13", "Lists the subcommands."},
    {"latency|histogram", -2, 0, 0, 0, 0, commands::latency_histogram, "server", "7.0.0", "Returns nothing: latency is watched by metrics."},
    {"latency|history", 3, 0, 0, 0, 0, commands::latency_empty, "server", "2.8.13", "Returns nothing: latency is watched by metrics."},
    {"latency|latest", 2, 0, 0, 0, 0, commands::latency_empty, "server", "2.8.13", "Returns nothing: latency is watched by metrics."},
    {"latency|reset", -2, 0, 0, 0, 0, commands::latency_reset, "server", "2.8.13", "Returns zero: latency is watched by metrics."},
    {"memory", -2, kContainer, 0, 0, 0, commands::container_help, "server", "4.0.0", "A container for commands on memory."},
    {"memory|doctor", 2, 0, 0, 0, 0, commands::memory_doctor, "server", "4.0.0", "Reports on memory."},
    {"memory|help", 2, 0, 0, 0, 0, commands::container_help, "server", "4.0.0", "Lists the subcommands."},
    {"memory|purge", 2, 0, 0, 0, 0, commands::memory_purge, "server", "4.0.0", "Accepted for compatibility."},
    {"memory|usage", -3, kReads, 2, 2, 1, commands::memory_usage, "server", "4.0.0", "Estimates what a key occupies."},
    {"mget", -2, kReads | kFast, 1, -1, 1, commands::mget, "string", "1.0.0", "Returns the values of keys."},
    {"monitor", 1, kAdmin | kNoMulti | kAlone, 0, 0, 0, commands::monitor, "server", "1.0.0", "Streams the commands of the tenant's clients."},
    {"move", 3, kWrites | kFast, 1, 1, 1, commands::move, "generic", "1.0.0", "Moves a key to another database."},
    {"mset", -3, kWrites | kDenyOom, 1, -1, 2, commands::mset, "string", "1.0.1", "Sets the values of several keys."},
    {"msetnx", -3, kWrites | kDenyOom, 1, -1, 2, commands::mset, "string", "1.0.1", "Sets the values of several keys if none of them exists."},
    {"multi", 1, kFast | kNoMulti | kAlone, 0, 0, 0, commands::multi, "transactions", "1.2.0", "Begins a transaction."},
    {"object", -2, kContainer, 0, 0, 0, commands::container_help, "generic", "2.2.3", "A container for commands on what a key holds."},
    {"object|encoding", 3, kReads, 2, 2, 1, commands::object_encoding, "generic", "2.2.3", "Returns the encoding that Redis would use."},
    {"object|freq", 3, kReads, 2, 2, 1, commands::object_freq, "generic", "4.0.0", "Returns how often a key is used."},
    {"object|help", 2, 0, 0, 0, 0, commands::container_help, "generic", "6.2.0", "Lists the subcommands."},
    {"object|idletime", 3, kReads, 2, 2, 1, commands::object_idletime, "generic", "2.2.3", "Returns for how many seconds a key was not used."},
    {"object|refcount", 3, kReads, 2, 2, 1, commands::object_refcount, "generic", "2.2.3", "Returns one."},
    {"persist", 2, kWrites | kFast, 1, 1, 1, commands::persist, "generic", "2.2.0", "Lets a key live for ever."},
    {"pexpire", -3, kWrites | kFast, 1, 1, 1, commands::pexpire, "generic", "2.6.0", "Sets in how many milliseconds a key ends."},
    {"pexpireat", -3, kWrites | kFast, 1, 1, 1, commands::pexpireat, "generic", "2.6.0", "Sets at which millisecond a key ends."},
    {"pexpiretime", 2, kReads | kFast, 1, 1, 1, commands::pexpiretime, "generic", "7.0.0", "Returns at which millisecond a key ends."},
    {"ping", -1, kFast | kSubscribed, 0, 0, 0, commands::ping, "connection", "1.0.0", "Returns PONG or its argument."},
    {"psetex", 4, kWrites | kDenyOom, 1, 1, 1, commands::setex, "string", "2.6.0", "Sets a value that ends after some milliseconds."},
    {"psubscribe", -2, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::psubscribe, "pubsub", "2.0.0", "Listens to channels that match patterns."},
    {"pttl", 2, kReads | kFast, 1, 1, 1, commands::pttl, "generic", "2.6.0", "Returns in how many milliseconds a key ends."},
    {"publish", 3, kPubsub | kFast, 0, 0, 0, commands::publish, "pubsub", "2.0.0", "Sends a message to a channel."},
    {"pubsub", -2, kContainer, 0, 0, 0, commands::container_help, "pubsub", "2.8.0", "A container for commands on channels."},
    {"pubsub|channels", -2, kPubsub, 0, 0, 0, commands::pubsub_channels, "pubsub", "2.8.0", "Returns the channels that have subscribers."},
    {"pubsub|help", 2, 0, 0, 0, 0, commands::container_help, "pubsub", "6.2.0", "Lists the subcommands."},
    {"pubsub|numpat", 2, kPubsub, 0, 0, 0, commands::pubsub_numpat, "pubsub", "2.8.0", "Returns the number of patterns."},
    {"pubsub|numsub", -2, kPubsub, 0, 0, 0, commands::pubsub_numsub, "pubsub", "2.8.0", "Returns how many subscribers channels have."},
    {"pubsub|shardchannels", -2, kPubsub, 0, 0, 0, commands::pubsub_shardchannels, "pubsub", "7.0.0", "Returns the sharded channels that have subscribers."},
    {"pubsub|shardnumsub", -2, kPubsub, 0, 0, 0, commands::pubsub_shardnumsub, "pubsub", "7.0.0", "Returns how many subscribers sharded channels have."},
    {"punsubscribe", -1, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::punsubscribe, "pubsub", "2.0.0", "Stops listening to patterns."},
    {"quit", -1, kNoAuth | kFast | kAlone | kSubscribed | kInQueue, 0, 0, 0, commands::quit, "connection", "1.0.0", "Ends the connection."},
    {"randomkey", 1, kReads, 0, 0, 0, commands::randomkey, "generic", "1.0.0", "Returns some key."},
    {"rename", 3, kWrites, 1, 2, 1, commands::rename, "generic", "1.0.0", "Gives a key another name."},
    {"renamenx", 3, kWrites | kFast, 1, 2, 1, commands::renamenx, "generic", "1.0.0", "Gives a key another name if that is free."},
    {"replicaof", 3, kAdmin, 0, 0, 0, commands::replicaof, "server", "5.0.0", "Accepts NO ONE."},
    {"reset", 1, kNoAuth | kFast | kAlone | kSubscribed | kInQueue, 0, 0, 0, commands::reset, "connection", "6.2.0", "Makes the connection as it was at its beginning."},
    {"role", 1, kFast, 0, 0, 0, commands::role, "server", "2.8.12", "Returns the role in replication."},
    {"save", 1, kAdmin | kNoMulti, 0, 0, 0, commands::save, "server", "1.0.0", "Makes a checkpoint."},
    {"scan", -2, kReads, 0, 0, 0, commands::scan, "generic", "2.8.0", "Walks over the keys of the database."},
    {"select", 2, kFast | kAlone, 0, 0, 0, commands::select, "connection", "1.0.0", "Chooses the database."},
    {"set", -3, kWrites | kDenyOom, 1, 1, 1, commands::set, "string", "1.0.0", "Sets the value of a key."},
    {"setex", 4, kWrites | kDenyOom, 1, 1, 1, commands::setex, "string", "2.0.0", "Sets a value that ends after some seconds."},
    {"setnx", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::setnx, "string", "1.0.0", "Sets the value of a key that does not exist."},
    {"setrange", 4, kWrites | kDenyOom, 1, 1, 1, commands::setrange, "string", "2.2.0", "Writes over a part of a value."},
    {"shutdown", -1, kAdmin | kNoMulti, 0, 0, 0, commands::shutdown, "server", "1.0.0", "Ends the daemon, where it is enabled."},
    {"slaveof", 3, kAdmin, 0, 0, 0, commands::replicaof, "server", "1.0.0", "Accepts NO ONE."},
    {"slowlog", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.2.12", "A container for commands on the slow log."},
    {"slowlog|get", -2, kAdmin, 0, 0, 0, commands::slowlog_get, "server", "2.2.12", "Returns commands that took long."},
    {"slowlog|help", 2, 0, 0, 0, 0, commands::container_help, "server", "6.2.0", "Lists the subcommands."},
    {"slowlog|len", 2, kAdmin, 0, 0, 0, commands::slowlog_len, "server", "2.2.12", "Returns how many commands took long."},
    {"slowlog|reset", 2, kAdmin, 0, 0, 0, commands::slowlog_reset, "server", "2.2.12", "Forgets the commands that took long."},
    {"spublish", 3, kPubsub | kFast, 1, 1, 1, commands::spublish, "pubsub", "7.0.0", "Sends a message to a sharded channel."},
    {"ssubscribe", -2, kPubsub | kAlone | kSubscribed, 1, -1, 1, commands::ssubscribe, "pubsub", "7.0.0", "Listens to sharded channels."},
    {"strlen", 2, kReads | kFast, 1, 1, 1, commands::strlen, "string", "2.2.0", "Returns the length of a value."},
    {"subscribe", -2, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::subscribe, "pubsub", "2.0.0", "Listens to channels."},
    {"substr", 4, kReads, 1, 1, 1, commands::getrange, "string", "1.0.0", "Returns a part of a value."},
    {"sunsubscribe", -1, kPubsub | kAlone | kSubscribed, 1, -1, 1, commands::sunsubscribe, "pubsub", "7.0.0", "Stops listening to sharded channels."},
    {"time", 1, kFast, 0, 0, 0, commands::time, "server", "2.6.0", "Returns the server's time."},
    {"touch", -2, kReads | kFast, 1, -1, 1, commands::exists, "generic", "3.2.1", "Counts the keys that exist."},
    {"ttl", 2, kReads | kFast, 1, 1, 1, commands::ttl, "generic", "1.0.0", "Returns in how many seconds a key ends."},
    {"type", 2, kReads | kFast, 1, 1, 1, commands::type, "generic", "1.0.0", "Returns what a key holds."},
    {"unlink", -2, kWrites | kFast, 1, -1, 1, commands::del, "generic", "4.0.0", "Removes keys."},
    {"unsubscribe", -1, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::unsubscribe, "pubsub", "2.0.0", "Stops listening to channels."},
    {"unwatch", 1, kFast | kAlone, 0, 0, 0, commands::unwatch, "transactions", "2.2.0", "Forgets the keys of WATCH."},
    {"wait", 3, 0, 0, 0, 0, commands::wait, "generic", "3.0.0", "Makes everything acknowledged durable."},
    {"waitaof", 4, 0, 0, 0, 0, commands::waitaof, "generic", "7.2.0", "Makes everything acknowledged durable."},
    {"watch", -2, kReads | kFast | kNoMulti | kAlone, 1, -1, 1, commands::watch, "transactions", "2.2.0", "Lets EXEC do nothing if keys change before it."},
};
// clang-format on

constexpr bool sorted() {
  for (size_t i = 1; i < std::size(kCommands); ++i)
    if (!(kCommands[i - 1].name < kCommands[i].name)) return false;
  return true;
}
static_assert(sorted());

// Commands of Redis on types that kvfs does not have yet.
constexpr std::string_view kPlanned[] = {
    "blmove",
    "blmpop",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzmpop",
    "bzpopmax",
    "bzpopmin",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "function",
    "geoadd",
    "geodist",
    "geohash",
    "geopos",
    "georadius",
    "geosearch",
    "geosearchstore",
    "hdel",
    "hexists",
    "hget",
    "hgetall",
    "hincrby",
    "hincrbyfloat",
    "hkeys",
    "hlen",
    "hmget",
    "hmset",
    "hrandfield",
    "hscan",
    "hset",
    "hsetnx",
    "hstrlen",
    "hvals",
    "lindex",
    "linsert",
    "llen",
    "lmove",
    "lmpop",
    "lpop",
    "lpos",
    "lpush",
    "lpushx",
    "lrange",
    "lrem",
    "lset",
    "ltrim",
    "pfadd",
    "pfcount",
    "pfmerge",
    "rpop",
    "rpoplpush",
    "rpush",
    "rpushx",
    "script",
    "swapdb",
    "xack",
    "xadd",
    "xautoclaim",
    "xclaim",
    "xdel",
    "xgroup",
    "xinfo",
    "xlen",
    "xpending",
    "xrange",
    "xread",
    "xreadgroup",
    "xrevrange",
    "xsetid",
    "xtrim",
    "zadd",
    "zcard",
    "zcount",
    "zdiff",
    "zdiffstore",
    "zincrby",
    "zinter",
    "zintercard",
    "zinterstore",
    "zlexcount",
    "zmpop",
    "zmscore",
    "zpopmax",
    "zpopmin",
    "zrandmember",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrangestore",
    "zrank",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrange",
    "zrevrangebylex",
    "zrevrangebyscore",
    "zrevrank",
    "zscan",
    "zscore",
    "zunion",
    "zunionstore",
};

constexpr size_t kNameBytesMax = 64;  // no command is longer

/// Lower case in a buffer of the caller; empty where it is too long to be a command.
std::string_view lowered(std::string_view name, std::array<char, kNameBytesMax>& buffer) {
  if (name.size() > buffer.size()) return {};
  for (size_t i = 0; i < name.size(); ++i)
    buffer[i] = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] + ('a' - 'A')) : name[i];
  return {buffer.data(), name.size()};
}

const CommandSpec* find_exact(std::string_view name) {
  const auto at = std::lower_bound(std::begin(kCommands), std::end(kCommands), name,
                                   [](const CommandSpec& spec, std::string_view wanted) { return spec.name < wanted; });
  return at != std::end(kCommands) && at->name == name ? at : nullptr;
}

}  // namespace

const CommandSpec* find_command(std::string_view name) {
  std::array<char, kNameBytesMax> buffer;
  const std::string_view lower = lowered(name, buffer);
  return lower.find('|') == lower.npos ? find_exact(lower) : nullptr;
}

const CommandSpec* find_subcommand(std::string_view container, std::string_view sub) {
  return find_exact(std::string(container) + "|" + lower_case(sub));
}

std::span<const CommandSpec> command_table() { return kCommands; }

bool is_planned_command(std::string_view name) {
  std::array<char, kNameBytesMax> buffer;
  return std::binary_search(std::begin(kPlanned), std::end(kPlanned), lowered(name, buffer));
}

bool arity_fits(const CommandSpec& spec, size_t count) {
  return spec.arity >= 0 ? count == static_cast<size_t>(spec.arity) : count >= static_cast<size_t>(-spec.arity);
}

std::optional<std::vector<size_t>> key_positions(const CommandSpec& spec, Args args) {
  std::vector<size_t> out;
  if ((spec.flags & kMovable) != 0) {
    // The number of keys, then the keys.
    const std::optional<int64_t> count = args.size() > 1 ? parse_integer(args[1]) : std::nullopt;
    if (!count || *count <= 0 || static_cast<size_t>(*count) > args.size() - 2) return std::nullopt;
    for (size_t i = 0; i < static_cast<size_t>(*count); ++i) out.push_back(2 + i);
    return out;
  }
  if (spec.first_key == 0) return out;
  const auto count = static_cast<int>(args.size());
  const int last = spec.last_key < 0 ? count + spec.last_key : spec.last_key;
  for (int at = spec.first_key; at <= last && at < count; at += spec.key_step) out.push_back(static_cast<size_t>(at));
  return out;
}

}  // namespace kvfs::resp
