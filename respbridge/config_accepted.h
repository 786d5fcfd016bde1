// The parameters of Redis that clients and test suites set and kvfs has no use for: what Redis does by them is the
// store's own affair, or concerns what kvfs does not have. They are kept and told, and have no effect.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace kvfs::resp {

struct AcceptedNumber {
  std::string_view name;
  int64_t value;
  int64_t min = 0;
};
inline constexpr AcceptedNumber kAcceptedNumbers[] = {
    {"active-defrag-cycle-max", 25, 1},
    {"active-defrag-cycle-min", 1, 1},
    {"active-defrag-threshold-lower", 10},
    {"active-defrag-threshold-upper", 100},
    {"active-expire-effort", 1, 1},
    {"auto-aof-rewrite-percentage", 100},
    {"busy-reply-threshold", 5000},
    {"hash-max-listpack-entries", 512},
    {"hz", 10},
    {"list-compress-depth", 0},
    {"list-max-listpack-size", -2, INT32_MIN},
    {"maxmemory-eviction-tenacity", 10},
    {"min-replicas-max-lag", 10},
    {"min-replicas-to-write", 0},
    {"repl-backlog-ttl", 3600},
    {"repl-diskless-sync-delay", 5},
    {"repl-ping-replica-period", 10, 1},
    {"repl-timeout", 60, 1},
    {"replica-priority", 100},
    {"stream-node-max-entries", 100},
    {"zset-max-listpack-entries", 128},
};

inline constexpr std::pair<std::string_view, std::string_view> kAcceptedMemory[] = {
    {"active-defrag-ignore-bytes", "104857600"},
    {"auto-aof-rewrite-min-size", "67108864"},
    {"hash-max-listpack-value", "64"},
    {"hll-sparse-max-bytes", "3000"},
    {"repl-backlog-size", "1048576"},
    {"stream-node-max-bytes", "4096"},
    {"zset-max-listpack-value", "64"},
};

inline constexpr std::pair<std::string_view, bool> kAcceptedSwitches[] = {
    {"activedefrag", false},
    {"activerehashing", true},
    {"aof-load-truncated", true},
    {"aof-rewrite-incremental-fsync", true},
    {"aof-timestamp-enabled", false},
    {"aof-use-rdb-preamble", true},
    {"appendonly", true},
    {"crash-log-enabled", true},
    {"crash-memcheck-enabled", true},
    {"dynamic-hz", true},
    {"jemalloc-bg-thread", true},
    {"lazyfree-lazy-eviction", false},
    {"lazyfree-lazy-expire", false},
    {"lazyfree-lazy-server-del", false},
    {"lazyfree-lazy-user-del", false},
    {"lazyfree-lazy-user-flush", false},
    {"no-appendfsync-on-rewrite", false},
    {"rdb-save-incremental-fsync", true},
    {"rdbcompression", true},
    {"repl-diskless-sync", true},
    {"replica-lazy-flush", false},
    {"replica-read-only", true},
    {"replica-serve-stale-data", true},
    {"stop-writes-on-bgsave-error", false},
};

struct AcceptedChoice {
  std::string_view name;
  std::string_view value;
  std::string_view choices;
};
inline constexpr AcceptedChoice kAcceptedChoices[] = {
    {"appendfsync", "everysec", "everysec, always, no"},
    {"loglevel", "notice", "debug, verbose, notice, warning"},
    {"oom-score-adj", "no", "no, yes, relative, absolute"},
    {"repl-diskless-load", "disabled", "disabled, on-empty-db, swapdb"},
    {"sanitize-dump-payload", "no", "no, yes, clients"},
};

/// Older names, and the parameters that they stand for.
inline constexpr std::pair<std::string_view, std::string_view> kConfigAliases[] = {
    {"hash-max-ziplist-entries", "hash-max-listpack-entries"},
    {"hash-max-ziplist-value", "hash-max-listpack-value"},
    {"list-max-ziplist-size", "list-max-listpack-size"},
    {"lua-time-limit", "busy-reply-threshold"},
    {"min-slaves-max-lag", "min-replicas-max-lag"},
    {"min-slaves-to-write", "min-replicas-to-write"},
    {"repl-ping-slave-period", "repl-ping-replica-period"},
    {"slave-lazy-flush", "replica-lazy-flush"},
    {"slave-priority", "replica-priority"},
    {"slave-read-only", "replica-read-only"},
    {"slave-serve-stale-data", "replica-serve-stale-data"},
    {"slaveof", "replicaof"},
    {"zset-max-ziplist-entries", "zset-max-listpack-entries"},
    {"zset-max-ziplist-value", "zset-max-listpack-value"},
};

}  // namespace kvfs::resp
