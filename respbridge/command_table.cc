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
    {"acl", -2, kContainer, 0, 0, 0, commands::container_help, "server", "6.0.0",
     "A container for commands on users."},
    {"acl|cat", -2, 0, 0, 0, 0, commands::acl_cat, "server", "6.0.0",
     "Lists the categories of commands, or the commands of one."},
    {"acl|deluser", -3, kAdmin, 0, 0, 0, commands::acl_deluser, "server", "6.0.0",
     "Refused: keys are in kvfs.ini."},
    {"acl|dryrun", -4, kAdmin, 0, 0, 0, commands::acl_dryrun, "server", "7.0.0",
     "Tells whether a key could run a command."},
    {"acl|genpass", -2, 0, 0, 0, 0, commands::acl_genpass, "server", "6.0.0",
     "Makes a random key."},
    {"acl|getuser", 3, kAdmin, 0, 0, 0, commands::acl_getuser, "server", "6.0.0",
     "Tells what a key may do."},
    {"acl|help", 2, 0, 0, 0, 0, commands::container_help, "server", "6.0.0",
     "Lists the subcommands."},
    {"acl|list", 2, kAdmin, 0, 0, 0, commands::acl_list, "server", "6.0.0",
     "Lists the keys by their names, and what each may do."},
    {"acl|load", 2, kAdmin, 0, 0, 0, commands::acl_change, "server", "6.0.0",
     "Refused: keys are in kvfs.ini."},
    {"acl|log", -2, kAdmin, 0, 0, 0, commands::acl_log, "server", "6.0.0",
     "Lists what was refused for lack of a key or a right."},
    {"acl|save", 2, kAdmin, 0, 0, 0, commands::acl_change, "server", "6.0.0",
     "Refused: keys are in kvfs.ini."},
    {"acl|setuser", -3, kAdmin, 0, 0, 0, commands::acl_change, "server", "6.0.0",
     "Refused: keys are in kvfs.ini."},
    {"acl|users", 2, kAdmin, 0, 0, 0, commands::acl_users, "server", "6.0.0",
     "Lists the names of the keys."},
    {"acl|whoami", 2, 0, 0, 0, 0, commands::acl_whoami, "server", "6.0.0",
     "Returns the name of the key that this connection authenticated with."},
    {"append", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::append, "string", "2.0.0",
     "Appends bytes to the value of a key."},
    {"asking", 1, kFast, 0, 0, 0, commands::cluster, "cluster", "3.0.0",
     "A command of Redis Cluster, which is not offered."},
    {"auth", -2, kNoAuth | kFast | kAlone, 0, 0, 0, commands::auth, "connection", "1.0.0",
     "Authenticates the connection; this chooses its tenant."},
    {"bgrewriteaof", 1, kAdmin, 0, 0, 0, commands::bgsave, "server", "1.0.0",
     "Folds the journal into the base in the background."},
    {"bgsave", -1, kAdmin, 0, 0, 0, commands::bgsave, "server", "1.0.0",
     "Makes a checkpoint in the background."},
    {"bitcount", -2, kReads, 1, 1, 1, commands::bitcount, "bitmap", "2.6.0",
     "Counts the bits that are set in a value."},
    {"bitfield", -2, kWrites | kDenyOom, 1, 1, 1, commands::bitfield, "bitmap", "3.2.0",
     "Reads and writes integers of any width in a value."},
    {"bitfield_ro", -2, kReads | kFast, 1, 1, 1, commands::bitfield, "bitmap", "6.0.0",
     "Reads integers of any width in a value."},
    {"bitop", -4, kWrites | kDenyOom, 2, -1, 1, commands::bitop, "bitmap", "2.6.0",
     "Combines values bit by bit and stores the result."},
    {"bitpos", -3, kReads, 1, 1, 1, commands::bitpos, "bitmap", "2.8.7",
     "Finds the first bit that is set or clear in a value."},
    {"client", -2, kContainer, 0, 0, 0, commands::container_help, "connection", "2.4.0",
     "A container for commands on connections."},
    {"client|caching", 3, kAlone, 0, 0, 0, commands::client_caching, "connection", "6.0.0",
     "Says whether the keys of the next command are tracked."},
    {"client|getname", 2, 0, 0, 0, 0, commands::client_getname, "connection", "2.6.9",
     "Returns the name of the connection."},
    {"client|getredir", 2, 0, 0, 0, 0, commands::client_getredir, "connection", "6.0.0",
     "Returns where tracking notifications go."},
    {"client|help", 2, 0, 0, 0, 0, commands::container_help, "connection", "5.0.0",
     "Lists the subcommands."},
    {"client|id", 2, 0, 0, 0, 0, commands::client_id, "connection", "5.0.0",
     "Returns the number of the connection."},
    {"client|info", 2, 0, 0, 0, 0, commands::client_info, "connection", "6.2.0",
     "Returns what is known of the connection."},
    {"client|kill", -3, kAdmin, 0, 0, 0, commands::client_kill, "connection", "2.4.0",
     "Ends connections."},
    {"client|list", -2, 0, 0, 0, 0, commands::client_list, "connection", "2.4.0",
     "Lists the connections of the tenant."},
    {"client|no-evict", 3, 0, 0, 0, 0, commands::client_no_evict, "connection", "7.0.0",
     "Says whether maxmemory-clients spares the connection."},
    {"client|no-touch", 3, 0, 0, 0, 0, commands::client_no_touch, "connection", "7.2.0",
     "Accepted for compatibility."},
    {"client|pause", -3, kAdmin, 0, 0, 0, commands::client_pause, "connection", "2.9.50",
     "Holds the commands of the tenant's clients for some milliseconds."},
    {"client|reply", 3, kAlone, 0, 0, 0, commands::client_reply, "connection", "3.2.0",
     "Says whether replies are sent."},
    {"client|setinfo", 4, 0, 0, 0, 0, commands::client_setinfo, "connection", "7.2.0",
     "Names the client's library and its version."},
    {"client|setname", 3, 0, 0, 0, 0, commands::client_setname, "connection", "2.6.9",
     "Names the connection."},
    {"client|tracking", -3, kAlone, 0, 0, 0, commands::client_tracking, "connection", "6.0.0",
     "Tells the connection when keys that it has read change."},
    {"client|trackinginfo", 2, 0, 0, 0, 0, commands::client_trackinginfo, "connection", "6.2.0",
     "Returns what CLIENT TRACKING was asked for."},
    {"client|unblock", -3, kAdmin, 0, 0, 0, commands::client_unblock, "connection", "5.0.0",
     "Returns zero: no command waits for others."},
    {"client|unpause", 2, kAdmin, 0, 0, 0, commands::client_unpause, "connection", "6.2.0",
     "Ends CLIENT PAUSE."},
    {"cluster", -2, 0, 0, 0, 0, commands::cluster, "server", "3.0.0",
     "The commands of Redis Cluster, which is not offered."},
    {"command", -1, kContainer, 0, 0, 0, commands::command, "server", "2.8.13",
     "Describes all commands."},
    {"command|count", 2, 0, 0, 0, 0, commands::command_count, "server", "2.8.13",
     "Returns the number of commands."},
    {"command|docs", -2, 0, 0, 0, 0, commands::command_docs, "server", "7.0.0",
     "Returns documentation of commands."},
    {"command|getkeys", -4, 0, 0, 0, 0, commands::command_getkeys, "server", "2.8.13",
     "Returns the keys in a full command."},
    {"command|getkeysandflags", -4, 0, 0, 0, 0, commands::command_getkeysandflags, "server", "7.0.0",
     "Returns the keys in a full command, and how it uses each."},
    {"command|help", 2, 0, 0, 0, 0, commands::container_help, "server", "5.0.0",
     "Lists the subcommands."},
    {"command|info", -2, 0, 0, 0, 0, commands::command_info, "server", "2.8.13",
     "Describes some commands."},
    {"command|list", -2, 0, 0, 0, 0, commands::command_list, "server", "7.0.0",
     "Returns the names of commands."},
    {"config", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.0.0",
     "A container for commands on the configuration."},
    {"config|get", -3, 0, 0, 0, 0, commands::config_get, "server", "2.0.0",
     "Returns parameters that match patterns."},
    {"config|help", 2, 0, 0, 0, 0, commands::container_help, "server", "5.0.0",
     "Lists the subcommands."},
    {"config|resetstat", 2, kAdmin, 0, 0, 0, commands::config_resetstat, "server", "2.0.0",
     "Sets the counters of INFO to zero."},
    {"config|rewrite", 2, kAdmin, 0, 0, 0, commands::config_rewrite, "server", "2.8.0",
     "Refused: the configuration is kvfs.ini."},
    {"config|set", -4, kAdmin, 0, 0, 0, commands::config_set, "server", "2.0.0",
     "Sets parameters."},
    {"copy", -3, kWrites | kDenyOom, 1, 2, 1, commands::copy, "generic", "6.2.0",
     "Copies a key to another."},
    {"dbsize", 1, kReads | kFast, 0, 0, 0, commands::dbsize, "server", "1.0.0",
     "Returns the number of keys in the database."},
    {"debug", -2, kAdmin, 0, 0, 0, commands::debug, "server", "1.0.0",
     "What test suites need, where it is enabled."},
    {"decr", 2, kWrites | kFast | kDenyOom, 1, 1, 1, commands::decr, "string", "1.0.0",
     "Takes one from the number in a key."},
    {"decrby", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::decrby, "string", "1.0.0",
     "Takes a number from the number in a key."},
    {"del", -2, kWrites, 1, -1, 1, commands::del, "generic", "1.0.0",
     "Removes keys."},
    {"discard", 1, kFast | kInQueue | kAlone, 0, 0, 0, commands::discard, "transactions", "2.0.0",
     "Forgets the commands queued after MULTI."},
    {"dump", 2, kReads | kLooks, 1, 1, 1, commands::dump, "generic", "2.6.0",
     "Returns a value in the serialization of Redis."},
    {"echo", 2, kFast, 0, 0, 0, commands::echo, "connection", "1.0.0",
     "Returns its argument."},
    {"exec", 1, kInQueue | kAlone, 0, 0, 0, commands::exec, "transactions", "1.2.0",
     "Executes the commands queued after MULTI in one transaction."},
    {"exists", -2, kReads | kLooks | kFast, 1, -1, 1, commands::exists, "generic", "1.0.0",
     "Counts the keys that exist."},
    {"expire", -3, kWrites | kFast, 1, 1, 1, commands::expire, "generic", "1.0.0",
     "Sets in how many seconds a key ends."},
    {"expireat", -3, kWrites | kFast, 1, 1, 1, commands::expireat, "generic", "1.2.0",
     "Sets at which second a key ends."},
    {"expiretime", 2, kReads | kLooks | kFast, 1, 1, 1, commands::expiretime, "generic", "7.0.0",
     "Returns at which second a key ends."},
    {"flushall", -1, kOwn, 0, 0, 0, commands::flushall, "server", "1.0.0",
     "Removes the keys of all databases of the tenant."},
    {"flushdb", -1, kOwn, 0, 0, 0, commands::flushdb, "server", "1.0.0",
     "Removes the keys of the database."},
    {"function", -2, kContainer, 0, 0, 0, commands::container_help, "scripting", "7.0.0",
     "A container for commands on functions, of which there are none yet."},
    {"function|flush", -2, kBlindWrite, 0, 0, 0, commands::function_flush, "scripting", "7.0.0",
     "Removes all functions: there are none."},
    {"function|help", 2, 0, 0, 0, 0, commands::container_help, "scripting", "7.0.0",
     "Lists the subcommands."},
    {"function|kill", 2, 0, 0, 0, 0, commands::script_kill, "scripting", "7.0.0",
     "Ends a function that runs: none does."},
    {"function|list", -2, 0, 0, 0, 0, commands::function_list, "scripting", "7.0.0",
     "Lists the functions: there are none."},
    {"get", 2, kReads | kFast, 1, 1, 1, commands::get, "string", "1.0.0",
     "Returns the value of a key."},
    {"getbit", 3, kReads | kFast, 1, 1, 1, commands::getbit, "bitmap", "2.2.0",
     "Returns one bit of a value."},
    {"getdel", 2, kWrites | kFast, 1, 1, 1, commands::getdel, "string", "6.2.0",
     "Returns the value of a key and removes the key."},
    {"getex", -2, kWrites | kFast, 1, 1, 1, commands::getex, "string", "6.2.0",
     "Returns the value of a key and sets when it ends."},
    {"getrange", 4, kReads, 1, 1, 1, commands::getrange, "string", "2.4.0",
     "Returns a part of a value."},
    {"getset", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::getset, "string", "1.0.0",
     "Returns the value of a key and sets another."},
    {"hello", -1, kNoAuth | kFast | kAlone, 0, 0, 0, commands::hello, "connection", "6.0.0",
     "Chooses the protocol version, authenticates, names the connection."},
    {"incr", 2, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incr, "string", "1.0.0",
     "Adds one to the number in a key."},
    {"incrby", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incrby, "string", "1.0.0",
     "Adds a number to the number in a key."},
    {"incrbyfloat", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::incrbyfloat, "string", "2.6.0",
     "Adds a floating-point number to the number in a key."},
    {"info", -1, 0, 0, 0, 0, commands::info, "server", "1.0.0",
     "Returns facts and counters of the server."},
    {"keys", 2, kReads, 0, 0, 0, commands::keys, "generic", "1.0.0",
     "Returns the keys that match a pattern."},
    {"lastsave", 1, kFast, 0, 0, 0, commands::lastsave, "server", "1.0.0",
     "Returns the second of the last checkpoint that a client asked for."},
    {"latency", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.8.13",
     "A container for commands on latency."},
    {"latency|doctor", 2, 0, 0, 0, 0, commands::latency_doctor, "server", "2.8.13",
     "Reports on latency."},
    {"latency|graph", 3, 0, 0, 0, 0, commands::latency_graph, "server", "2.8.13",
     "Draws the spikes of an event."},
    {"latency|help", 2, 0, 0, 0, 0, commands::container_help, "server", "2.8.13",
     "Lists the subcommands."},
    {"latency|histogram", -2, 0, 0, 0, 0, commands::latency_histogram, "server", "7.0.0",
     "Returns how long commands took."},
    {"latency|history", 3, 0, 0, 0, 0, commands::latency_history, "server", "2.8.13",
     "Returns the spikes of an event."},
    {"latency|latest", 2, 0, 0, 0, 0, commands::latency_latest, "server", "2.8.13",
     "Returns the latest spike of each event."},
    {"latency|reset", -2, kAdmin, 0, 0, 0, commands::latency_reset, "server", "2.8.13",
     "Forgets spikes."},
    {"lcs", -3, kReads, 1, 2, 1, commands::lcs, "string", "7.0.0",
     "Returns the longest common subsequence of two values."},
    {"lolwut", -1, kReads | kFast, 0, 0, 0, commands::lolwut, "server", "5.0.0",
     "Tells the version."},
    {"memory", -2, kContainer, 0, 0, 0, commands::container_help, "server", "4.0.0",
     "A container for commands on memory."},
    {"memory|doctor", 2, 0, 0, 0, 0, commands::memory_doctor, "server", "4.0.0",
     "Reports on memory."},
    {"memory|help", 2, 0, 0, 0, 0, commands::container_help, "server", "4.0.0",
     "Lists the subcommands."},
    {"memory|malloc-stats", 2, 0, 0, 0, 0, commands::memory_malloc_stats, "server", "4.0.0",
     "Tells of the allocator."},
    {"memory|purge", 2, 0, 0, 0, 0, commands::memory_purge, "server", "4.0.0",
     "Gives the system what the allocator holds and nobody uses."},
    {"memory|stats", 2, 0, 0, 0, 0, commands::memory_stats, "server", "4.0.0",
     "Tells what memory is used for."},
    {"memory|usage", -3, kReads | kLooks, 2, 2, 1, commands::memory_usage, "server", "4.0.0",
     "Estimates what a key occupies."},
    {"mget", -2, kReads | kFast, 1, -1, 1, commands::mget, "string", "1.0.0",
     "Returns the values of keys."},
    {"module", -2, kContainer, 0, 0, 0, commands::container_help, "server", "4.0.0",
     "A container for commands on modules, of which there are none."},
    {"module|help", 2, 0, 0, 0, 0, commands::container_help, "server", "5.0.0",
     "Lists the subcommands."},
    {"module|list", 2, kAdmin, 0, 0, 0, commands::module_list, "server", "4.0.0",
     "Lists the modules: there are none."},
    {"monitor", 1, kAdmin | kNoMulti | kAlone, 0, 0, 0, commands::monitor, "server", "1.0.0",
     "Streams the commands of the tenant's clients."},
    {"move", 3, kWrites | kFast, 1, 1, 1, commands::move, "generic", "1.0.0",
     "Moves a key to another database."},
    {"mset", -3, kWrites | kDenyOom, 1, -1, 2, commands::mset, "string", "1.0.1",
     "Sets the values of several keys."},
    {"msetnx", -3, kWrites | kDenyOom, 1, -1, 2, commands::mset, "string", "1.0.1",
     "Sets the values of several keys if none of them exists."},
    {"multi", 1, kFast | kInQueue | kAlone, 0, 0, 0, commands::multi, "transactions", "1.2.0",
     "Begins a transaction."},
    {"object", -2, kContainer, 0, 0, 0, commands::container_help, "generic", "2.2.3",
     "A container for commands on what a key holds."},
    {"object|encoding", 3, kReads | kLooks, 2, 2, 1, commands::object_encoding, "generic", "2.2.3",
     "Returns the encoding that Redis would use."},
    {"object|freq", 3, kReads | kLooks, 2, 2, 1, commands::object_freq, "generic", "4.0.0",
     "Returns how often a key is used."},
    {"object|help", 2, 0, 0, 0, 0, commands::container_help, "generic", "6.2.0",
     "Lists the subcommands."},
    {"object|idletime", 3, kReads | kLooks, 2, 2, 1, commands::object_idletime, "generic", "2.2.3",
     "Returns for how many seconds a key was not used."},
    {"object|refcount", 3, kReads | kLooks, 2, 2, 1, commands::object_refcount, "generic", "2.2.3",
     "Returns one."},
    {"persist", 2, kWrites | kFast, 1, 1, 1, commands::persist, "generic", "2.2.0",
     "Lets a key live for ever."},
    {"pexpire", -3, kWrites | kFast, 1, 1, 1, commands::pexpire, "generic", "2.6.0",
     "Sets in how many milliseconds a key ends."},
    {"pexpireat", -3, kWrites | kFast, 1, 1, 1, commands::pexpireat, "generic", "2.6.0",
     "Sets at which millisecond a key ends."},
    {"pexpiretime", 2, kReads | kLooks | kFast, 1, 1, 1, commands::pexpiretime, "generic", "7.0.0",
     "Returns at which millisecond a key ends."},
    {"ping", -1, kFast | kSubscribed, 0, 0, 0, commands::ping, "connection", "1.0.0",
     "Returns PONG or its argument."},
    {"psetex", 4, kWrites | kDenyOom, 1, 1, 1, commands::setex, "string", "2.6.0",
     "Sets a value that ends after some milliseconds."},
    {"psubscribe", -2, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::psubscribe, "pubsub", "2.0.0",
     "Listens to channels that match patterns."},
    {"psync", -3, kAdmin | kNoMulti, 0, 0, 0, commands::replication, "server", "2.8.0",
     "A command of Redis replicas, which cannot follow kvfs."},
    {"pttl", 2, kReads | kLooks | kFast, 1, 1, 1, commands::pttl, "generic", "2.6.0",
     "Returns in how many milliseconds a key ends."},
    {"publish", 3, kPubsub | kFast, 0, 0, 0, commands::publish, "pubsub", "2.0.0",
     "Sends a message to a channel."},
    {"pubsub", -2, kContainer, 0, 0, 0, commands::container_help, "pubsub", "2.8.0",
     "A container for commands on channels."},
    {"pubsub|channels", -2, kPubsub, 0, 0, 0, commands::pubsub_channels, "pubsub", "2.8.0",
     "Returns the channels that have subscribers."},
    {"pubsub|help", 2, 0, 0, 0, 0, commands::container_help, "pubsub", "6.2.0",
     "Lists the subcommands."},
    {"pubsub|numpat", 2, kPubsub, 0, 0, 0, commands::pubsub_numpat, "pubsub", "2.8.0",
     "Returns the number of patterns."},
    {"pubsub|numsub", -2, kPubsub, 0, 0, 0, commands::pubsub_numsub, "pubsub", "2.8.0",
     "Returns how many subscribers channels have."},
    {"pubsub|shardchannels", -2, kPubsub, 0, 0, 0, commands::pubsub_shardchannels, "pubsub", "7.0.0",
     "Returns the sharded channels that have subscribers."},
    {"pubsub|shardnumsub", -2, kPubsub, 0, 0, 0, commands::pubsub_shardnumsub, "pubsub", "7.0.0",
     "Returns how many subscribers sharded channels have."},
    {"punsubscribe", -1, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::punsubscribe, "pubsub", "2.0.0",
     "Stops listening to patterns."},
    {"quit", -1, kNoAuth | kFast | kAlone | kSubscribed | kInQueue, 0, 0, 0, commands::quit, "connection", "1.0.0",
     "Ends the connection."},
    {"randomkey", 1, kReads, 0, 0, 0, commands::randomkey, "generic", "1.0.0",
     "Returns some key."},
    {"readonly", 1, kFast, 0, 0, 0, commands::cluster, "cluster", "3.0.0",
     "A command of Redis Cluster, which is not offered."},
    {"readwrite", 1, kFast, 0, 0, 0, commands::cluster, "cluster", "3.0.0",
     "A command of Redis Cluster, which is not offered."},
    {"rename", 3, kWrites, 1, 2, 1, commands::rename, "generic", "1.0.0",
     "Gives a key another name."},
    {"renamenx", 3, kWrites | kFast, 1, 2, 1, commands::renamenx, "generic", "1.0.0",
     "Gives a key another name if that is free."},
    {"replconf", -1, kAdmin, 0, 0, 0, commands::replication, "server", "3.0.0",
     "A command of Redis replicas, which cannot follow kvfs."},
    {"replicaof", 3, kAdmin, 0, 0, 0, commands::replicaof, "server", "5.0.0",
     "Accepts NO ONE."},
    {"reset", 1, kNoAuth | kFast | kAlone | kSubscribed | kInQueue, 0, 0, 0, commands::reset, "connection", "6.2.0",
     "Makes the connection as it was at its beginning."},
    {"restore", -4, kWrites | kDenyOom, 1, 1, 1, commands::restore, "generic", "2.6.0",
     "Sets a value from the serialization of Redis."},
    {"role", 1, kFast, 0, 0, 0, commands::role, "server", "2.8.12",
     "Returns the role in replication."},
    {"sadd", -3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::sadd, "set", "1.0.0",
     "Adds members to a set."},
    {"save", 1, kAdmin | kNoMulti, 0, 0, 0, commands::save, "server", "1.0.0",
     "Makes a checkpoint."},
    {"scan", -2, kReads, 0, 0, 0, commands::scan, "generic", "2.8.0",
     "Walks over the keys of the database."},
    {"scard", 2, kReads | kFast, 1, 1, 1, commands::scard, "set", "1.0.0",
     "Returns the number of members of a set."},
    {"script", -2, kContainer, 0, 0, 0, commands::container_help, "scripting", "2.6.0",
     "A container for commands on scripts, of which there are none yet."},
    {"script|exists", -3, 0, 0, 0, 0, commands::script_exists, "scripting", "2.6.0",
     "Tells which scripts are known: none is."},
    {"script|flush", -2, 0, 0, 0, 0, commands::function_flush, "scripting", "2.6.0",
     "Forgets all scripts: there are none."},
    {"script|help", 2, 0, 0, 0, 0, commands::container_help, "scripting", "5.0.0",
     "Lists the subcommands."},
    {"script|kill", 2, 0, 0, 0, 0, commands::script_kill, "scripting", "2.6.0",
     "Ends a script that runs: none does."},
    {"sdiff", -2, kReads, 1, -1, 1, commands::sdiff, "set", "1.0.0",
     "Returns the members of a set that others lack."},
    {"sdiffstore", -3, kWrites | kDenyOom, 1, -1, 1, commands::sdiffstore, "set", "1.0.0",
     "Stores the members of a set that others lack."},
    {"select", 2, kFast | kAlone, 0, 0, 0, commands::select, "connection", "1.0.0",
     "Chooses the database."},
    {"set", -3, kWrites | kDenyOom, 1, 1, 1, commands::set, "string", "1.0.0",
     "Sets the value of a key."},
    {"setbit", 4, kWrites | kDenyOom, 1, 1, 1, commands::setbit, "bitmap", "2.2.0",
     "Sets or clears one bit of a value."},
    {"setex", 4, kWrites | kDenyOom, 1, 1, 1, commands::setex, "string", "2.0.0",
     "Sets a value that ends after some seconds."},
    {"setnx", 3, kWrites | kFast | kDenyOom, 1, 1, 1, commands::setnx, "string", "1.0.0",
     "Sets the value of a key that does not exist."},
    {"setrange", 4, kWrites | kDenyOom, 1, 1, 1, commands::setrange, "string", "2.2.0",
     "Writes over a part of a value."},
    {"shutdown", -1, kAdmin | kNoMulti, 0, 0, 0, commands::shutdown, "server", "1.0.0",
     "Ends the daemon, where it is enabled."},
    {"sinter", -2, kReads, 1, -1, 1, commands::sinter, "set", "1.0.0",
     "Returns the members that sets have in common."},
    {"sintercard", -3, kReads | kMovable, 0, 0, 0, commands::sintercard, "set", "7.0.0",
     "Counts the members that sets have in common."},
    {"sinterstore", -3, kWrites | kDenyOom, 1, -1, 1, commands::sinterstore, "set", "1.0.0",
     "Stores the members that sets have in common."},
    {"sismember", 3, kReads | kFast, 1, 1, 1, commands::sismember, "set", "1.0.0",
     "Says whether a set has a member."},
    {"slaveof", 3, kAdmin, 0, 0, 0, commands::replicaof, "server", "1.0.0",
     "Accepts NO ONE."},
    {"slowlog", -2, kContainer, 0, 0, 0, commands::container_help, "server", "2.2.12",
     "A container for commands on the slow log."},
    {"slowlog|get", -2, kAdmin, 0, 0, 0, commands::slowlog_get, "server", "2.2.12",
     "Returns commands that took long."},
    {"slowlog|help", 2, 0, 0, 0, 0, commands::container_help, "server", "6.2.0",
     "Lists the subcommands."},
    {"slowlog|len", 2, kAdmin, 0, 0, 0, commands::slowlog_len, "server", "2.2.12",
     "Returns how many commands took long."},
    {"slowlog|reset", 2, kAdmin, 0, 0, 0, commands::slowlog_reset, "server", "2.2.12",
     "Forgets the commands that took long."},
    {"smembers", 2, kReads, 1, 1, 1, commands::smembers, "set", "1.0.0",
     "Returns the members of a set."},
    {"smismember", -3, kReads | kFast, 1, 1, 1, commands::smismember, "set", "6.2.0",
     "Says which members a set has."},
    {"smove", 4, kWrites | kFast, 1, 2, 1, commands::smove, "set", "1.0.0",
     "Moves a member from one set to another."},
    {"sort", -2, kWrites | kDenyOom | kMoreKeys, 1, 1, 1, commands::sort, "generic", "1.0.0",
     "Returns or stores the sorted members of a set."},
    {"sort_ro", -2, kReads | kMoreKeys, 1, 1, 1, commands::sort, "generic", "7.0.0",
     "Returns the sorted members of a set."},
    {"spop", -2, kWrites | kFast, 1, 1, 1, commands::spop, "set", "1.0.0",
     "Removes random members of a set and returns them."},
    {"spublish", 3, kPubsub | kFast, 1, 1, 1, commands::spublish, "pubsub", "7.0.0",
     "Sends a message to a sharded channel."},
    {"srandmember", -2, kReads, 1, 1, 1, commands::srandmember, "set", "1.0.0",
     "Returns random members of a set."},
    {"srem", -3, kWrites | kFast, 1, 1, 1, commands::srem, "set", "1.0.0",
     "Removes members of a set."},
    {"sscan", -3, kReads, 1, 1, 1, commands::sscan, "set", "2.8.0",
     "Walks over the members of a set."},
    {"ssubscribe", -2, kPubsub | kAlone | kSubscribed, 1, -1, 1, commands::ssubscribe, "pubsub", "7.0.0",
     "Listens to sharded channels."},
    {"strlen", 2, kReads | kFast, 1, 1, 1, commands::strlen, "string", "2.2.0",
     "Returns the length of a value."},
    {"subscribe", -2, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::subscribe, "pubsub", "2.0.0",
     "Listens to channels."},
    {"substr", 4, kReads, 1, 1, 1, commands::getrange, "string", "1.0.0",
     "Returns a part of a value."},
    {"sunion", -2, kReads, 1, -1, 1, commands::sunion, "set", "1.0.0",
     "Returns the members of several sets."},
    {"sunionstore", -3, kWrites | kDenyOom, 1, -1, 1, commands::sunionstore, "set", "1.0.0",
     "Stores the members of several sets."},
    {"sunsubscribe", -1, kPubsub | kAlone | kSubscribed, 1, -1, 1, commands::sunsubscribe, "pubsub", "7.0.0",
     "Stops listening to sharded channels."},
    {"swapdb", 3, kWrites | kFast, 0, 0, 0, commands::swapdb, "server", "4.0.0",
     "Lets two databases change places."},
    {"sync", 1, kAdmin | kNoMulti, 0, 0, 0, commands::replication, "server", "1.0.0",
     "A command of Redis replicas, which cannot follow kvfs."},
    {"time", 1, kFast, 0, 0, 0, commands::time, "server", "2.6.0",
     "Returns the server's time."},
    {"touch", -2, kReads | kFast, 1, -1, 1, commands::touch, "generic", "3.2.1",
     "Counts the keys that exist."},
    {"ttl", 2, kReads | kLooks | kFast, 1, 1, 1, commands::ttl, "generic", "1.0.0",
     "Returns in how many seconds a key ends."},
    {"type", 2, kReads | kLooks | kFast, 1, 1, 1, commands::type, "generic", "1.0.0",
     "Returns what a key holds."},
    {"unlink", -2, kWrites | kFast, 1, -1, 1, commands::del, "generic", "4.0.0",
     "Removes keys."},
    {"unsubscribe", -1, kPubsub | kAlone | kSubscribed, 0, 0, 0, commands::unsubscribe, "pubsub", "2.0.0",
     "Stops listening to channels."},
    {"unwatch", 1, kFast | kAlone, 0, 0, 0, commands::unwatch, "transactions", "2.2.0",
     "Forgets the keys of WATCH."},
    {"wait", 3, 0, 0, 0, 0, commands::wait, "generic", "3.0.0",
     "Makes everything acknowledged durable."},
    {"waitaof", 4, 0, 0, 0, 0, commands::waitaof, "generic", "7.2.0",
     "Makes everything acknowledged durable."},
    {"watch", -2, kReads | kFast | kInQueue | kAlone, 1, -1, 1, commands::watch, "transactions", "2.2.0",
     "Lets EXEC do nothing if keys change before it."},
};
// clang-format on

constexpr bool sorted() {
  for (size_t i = 1; i < std::size(kCommands); ++i)
    if (!(kCommands[i - 1].name < kCommands[i].name)) return false;
  return true;
}
static_assert(sorted());

constexpr size_t kNameBytesMax = 64;  // no command is longer

/// Lower case in a buffer of the caller; empty where it is too long to be a command.
std::string_view lowered(std::string_view name, std::array<char, kNameBytesMax>& buffer) {
  if (name.size() > buffer.size()) return {};
  for (size_t i = 0; i < name.size(); ++i)
    buffer[i] = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] + ('a' - 'A')) : name[i];
  return {buffer.data(), name.size()};
}

constexpr size_t kSlots = 1024;  // a power of two, several times as many as there are commands
static_assert(std::size(kCommands) * 2 < kSlots);

constexpr size_t slot_of(std::string_view name) {
  uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return hash % kSlots;
}

/// Places of the commands in kCommands, plus one, by hash; 0: none.
constexpr auto kPlaces = [] {
  std::array<uint16_t, kSlots> places{};
  for (size_t i = 0; i < std::size(kCommands); ++i) {
    size_t slot = slot_of(kCommands[i].name);
    while (places[slot] != 0) slot = (slot + 1) % kSlots;
    places[slot] = static_cast<uint16_t>(i + 1);
  }
  return places;
}();

const CommandSpec* find_exact(std::string_view name) {
  for (size_t slot = slot_of(name); kPlaces[slot] != 0; slot = (slot + 1) % kSlots)
    if (const CommandSpec& spec = kCommands[kPlaces[slot] - 1]; spec.name == name) return &spec;
  return nullptr;
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

bool may_run(const Identity& who, const CommandSpec& spec) {
  if (who.read_only && (spec.flags & (kWrites | kOwn | kBlindWrite)) != 0) return false;
  return who.admin || (spec.flags & kAdmin) == 0;
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
  if ((spec.flags & kMoreKeys) != 0) {
    out.push_back(static_cast<size_t>(spec.first_key));
    size_t store = 0;
    for (size_t at = out[0] + 1; at + 1 < args.size(); ++at)
      if (equals_ignoring_case(args[at], "store")) store = at + 1;  // the last one counts
    if (store != 0) out.push_back(store);
    return out;
  }
  const auto count = static_cast<int>(args.size());
  const int last = spec.last_key < 0 ? count + spec.last_key : spec.last_key;
  for (int at = spec.first_key; at <= last && at < count; at += spec.key_step) out.push_back(static_cast<size_t>(at));
  return out;
}

}  // namespace kvfs::resp
