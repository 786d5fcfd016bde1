// Everything about the HTTP door that can be configured, with its defaults. Filled by the daemon from kvfs.ini;
// knows nothing of how it was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "net/rate_limit.h"
#include "net/tls.h"
#include "store/api_keys.h"

namespace kvfs::http {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;

struct HttpOptions {
  // Where to listen: "127.0.0.1:3300", "[::1]:3300", "localhost:0" (port 0: any free one), "*:3300" (all addresses),
  // "unix:/path"; with "tls:" before it, TLS; with "-" before all, it may be missing. Empty: the door is off.
  std::vector<std::string> listen = {"127.0.0.1:3300"};
  size_t threads = 0;       // 0: one for each CPU
  bool pin_threads = true;  // to a CPU each, where there are as many of these

  // Who may come in.
  std::vector<ApiKey> keys;
  bool anonymous = false;  // without a key also from other machines
  std::string anonymous_tenant = "default";
  std::string default_collection = "default";

  // Sizes. Beyond them: 431, 414, 413.
  size_t header_bytes_max = 16 * 1024;
  size_t header_count_max = 100;
  size_t target_bytes_max = 14 * 1024;          // a key of 4,096 bytes, each percent-encoded, fits
  uint64_t value_bytes_max = 64 * 1024 * kMiB;  // a value put by the canonical API or /kv (streamed)
  uint64_t body_bytes_max = 64 * kMiB;          // a JSON body (held in memory)
  uint64_t answer_bytes_max = 16 * kMiB;        // a list or range answer is cut here, with a cursor to go on
  size_t batch_count_max = 100'000;             // operations of a batch, items of a bulk write
  uint64_t memory_value_bytes_max = 64 * kMiB;  // the largest value that may be patched, or be part of a JSON answer

  // Lists and ranges.
  size_t list_limit_default = 1000;
  size_t list_limit_max = 10'000;
  size_t max_range_response = 1000;  // of GET /bulk/range

  bool case_insensitive = false;  // keys of the /kv and /bulk routes are lower-cased (A-Z only)

  // Connections.
  size_t connections_max = 15'000;
  size_t connections_per_address_max = 0;  // 0: no limit of its own
  size_t pipelined_requests_max = 128;     // answered before the connection yields to others
  int backlog = 1024;

  // Times; 0: none.
  uint64_t header_timeout_ms = 15'000;  // from a request's first byte to its last header
  uint64_t idle_timeout_ms = 75'000;    // between requests
  uint64_t read_timeout_ms = 30'000;    // between two reads of a body
  uint64_t write_timeout_ms = 30'000;   // a client that takes nothing of an answer
  uint64_t request_timeout_ms = 0;      // until a request's turn: then 504, or 408 where its body is late
  uint64_t drain_timeout_ms = 10'000;   // at stop(): for requests in flight
  uint64_t ready_grace_ms = 0;          // at stop(): /ready fails this long before listeners close

  // Rates. Beyond them: 429.
  RateLimit key_rate;
  RateLimit address_rate;

  // Watches.
  size_t watch_buffer_bytes_max = 1 * kMiB;  // held for one slow reader; then it is told that it missed changes
  uint64_t watch_heartbeat_ms = 15'000;
  uint64_t long_poll_ms_max = 60'000;
  size_t watches_max = 10'000;

  // Compression of answers.
  int gzip_level = 1;            // 1 (fast) to 9 (small); 0: none
  size_t gzip_bytes_min = 1024;  // smaller answers are sent as they are

  // Browsers.
  std::vector<std::string> cors_origins;  // "*" or exact origins; empty: no CORS headers
  bool console = true;                    // the page at /ui

  bool metrics_public = true;  // /metrics and /stats of the whole server without a key
  std::string access_log;      // file, "-" for standard output, empty: none (combined log format)

  TlsOptions tls;
};

}  // namespace kvfs::http
