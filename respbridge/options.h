// Everything about the Redis door that can be configured, with its defaults. Filled by the daemon from kvfs.ini;
// knows nothing of how it was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/rate_limit.h"
#include "net/tls.h"
#include "store/api_keys.h"

namespace kvfs::resp {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;

struct RespOptions {
  // Where to listen: "127.0.0.1:6379", "[::1]:6379", "localhost:0" (port 0: any free one), "*:6379" (all addresses),
  // "unix:/path"; with "tls:" before it, TLS; with "-" before all, it may be missing. Empty: the door is off.
  std::vector<std::string> listen = {"127.0.0.1:6379", "-[::1]:6379"};
  size_t threads = 0;  // 0: one for every two CPUs

  // Who may come in. Without keys: anybody on a loopback address or Unix socket (protected mode).
  std::vector<ApiKey> keys;
  bool anonymous = false;  // without a key also from other machines
  std::string anonymous_tenant = "default";

  // SELECT n: collection n, and collection `default_collection` for 0, unless named here.
  size_t databases = 16;
  std::string default_collection = "default";
  std::map<uint32_t, std::string> database_names;

  // Sizes. Beyond them an error, and where the protocol cannot go on, the end of the connection.
  size_t arguments_max = 1024 * 1024;             // of one command
  uint64_t bulk_bytes_max = 512 * kMiB;           // one argument, hence one value (proto-max-bulk-len)
  uint64_t query_buffer_bytes_max = 1024 * kMiB;  // what one client has sent and is not yet executed
  size_t inline_bytes_max = 64 * 1024;            // a command that is not an array
  size_t pipeline_max = 1000;                     // commands of one client that are executed as one transaction
  size_t pipeline_bytes_max = 4 * kMiB;           // likewise, bytes of their arguments
  size_t transaction_commands_max = 100'000;      // queued after MULTI
  uint64_t transaction_bytes_max = 256 * kMiB;    // likewise, bytes of their arguments
  size_t reply_bytes_soft = 1 * kMiB;             // replies beyond this are sent before more commands are executed
  uint64_t clients_bytes_max = 0;                 // held for all clients; then those with the most are closed; 0: any
  uint64_t push_bytes_max = 32 * kMiB;       // messages held for a subscriber that does not read; then it is closed
  size_t set_member_bytes_max = 512 * 1024;  // one member of a set
  size_t watched_keys_max = 10'000;          // of one client
  size_t subscriptions_max = 100'000;        // channels and patterns of one client
  size_t tracked_keys_max = 1'000'000;       // that CLIENT TRACKING remembers for all clients; 0: any number
  size_t scan_cursors_max = 10'000;          // SCAN positions remembered for each tenant

  // Connections.
  size_t connections_max = 10'000;
  int backlog = 511;
  uint32_t tcp_keepalive_s = 300;      // 0: off
  uint64_t idle_timeout_ms = 0;        // a client that sends nothing, subscribers excepted; 0: none
  uint64_t write_timeout_ms = 60'000;  // a client that takes nothing of its replies; 0: none
  uint64_t auth_timeout_ms = 30'000;   // until TLS is agreed upon and, where it is needed, AUTH has been given; 0: none

  // Rates of commands. A client beyond them is read from again when there is room.
  RateLimit key_rate;
  RateLimit address_rate;

  // CONFIG SET notify-keyspace-events: its value at start, as Redis writes it ("KEA"); empty: none.
  std::string notify_keyspace_events;
  uint64_t slowlog_slower_than_us = 10'000;
  size_t slowlog_entries_max = 128;
  bool enable_debug = false;     // the DEBUG subset that test suites need
  bool enable_shutdown = false;  // SHUTDOWN ends the daemon (by RespServer's on_shutdown)

  TlsOptions tls;
};

}  // namespace kvfs::resp
