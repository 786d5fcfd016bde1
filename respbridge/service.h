// What all connections of the door share: the store, the keys, the configuration, and the tables behind CLIENT,
// SLOWLOG and SCAN. Knows no socket.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "respbridge/acl_log.h"
#include "respbridge/clients.h"
#include "respbridge/command_statistics.h"
#include "respbridge/config.h"
#include "respbridge/latency_events.h"
#include "respbridge/options.h"
#include "respbridge/pauses.h"
#include "respbridge/random_keys.h"
#include "respbridge/scan_cursors.h"
#include "respbridge/server.h"
#include "respbridge/slowlog.h"
#include "respbridge/statistics.h"
#include "respbridge/tracking.h"
#include "store/api_keys.h"
#include "store/store.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class Service {
 public:
  /// Makes the tenants that the keys name. Errors: invalid, and those of the store.
  static Result<std::unique_ptr<Service>> make(Store& store, RespOptions options, RespServer::Hooks hooks);
  ~Service();

  Store& store() { return store_; }
  const RespOptions& options() const { return options_; }
  const RespServer::Hooks& hooks() const { return hooks_; }
  Config& config() { return config_; }
  Clients& clients() { return clients_; }
  Slowlog& slowlog() { return slowlog_; }
  AclLog& acl_log() { return acl_log_; }
  Throughput& throughput() { return throughput_; }
  ScanCursors& cursors() { return cursors_; }
  RandomKeys& random_keys() { return random_keys_; }
  LatencyEvents& latency_events() { return latency_events_; }
  Pauses& pauses() { return pauses_; }
  Tracking& tracking() { return tracking_; }
  Statistics& statistics() { return statistics_; }
  /// How long commands take, without the commits of their transactions, and how they fail.
  CommandStatistics& command_statistics() { return command_statistics_; }
  /// How long a writing transaction takes from its first command to its commit.
  LatencySeries& transaction_latency() { return transaction_latency_; }
  /// Writes do not wait for the disk: `awaits_sync` tells what replies to them wait for.
  WriteOptions write_options(Sequence& awaits_sync) const { return {origin_, std::nullopt, &awaits_sync}; }
  uint64_t started_ms() const { return started_ms_; }
  uint64_t last_save_s() const { return last_save_s_.load(); }
  /// Commits since the last save(), or since the start.
  uint64_t commits_unsaved() const;
  const std::string& run_id() const { return run_id_; }

  /// Where SELECT `database` works.
  const std::string& collection_name(uint32_t database) const { return collection_names_[database]; }
  std::optional<uint32_t> database_of(std::string_view collection) const;

  std::shared_ptr<const KeyTable> keys() const;
  /// Takes nothing over yet: what it returns does, and cannot fail. Errors: invalid.
  Result<std::function<void()>> prepare_reload(const RespOptions& options);
  /// Counts commands against the rates of the client's key and of `address`: for how many nanoseconds nothing more is
  /// to be read from the client.
  int64_t charge(const Client& client, std::string_view address, size_t commands);
  /// What a new connection is before AUTH.
  void admit(Client& client, bool loopback) const;

  /// CONFIG SET. Errors: as Config::set.
  Result<void> configure(const std::vector<std::pair<std::string_view, std::string_view>>& values);
  /// Changes up to this one were made while keyspace events were off.
  uint64_t events_after() const { return events_after_.load(); }

  /// Makes everything acknowledged so far durable and folds the journal into the base.
  Result<void> save();
  /// Likewise, soon, unless it is being done.
  void save_in_background();
  bool is_saving() const { return saving_.load(); }
  /// Does the job soon, one after the other, on a thread of its own, which calls `told` with its outcome.
  using Job = std::function<Result<void>()>;
  using JobTold = std::function<void(const Result<void>&)>;
  void run_in_background(Job job, JobTold told);

 private:
  Service(Store& store, RespOptions options, RespServer::Hooks hooks);

  Store& store_;
  const RespOptions options_;
  const RespServer::Hooks hooks_;
  const Origin origin_;
  const uint64_t started_ms_;
  std::string run_id_;
  std::vector<std::string> collection_names_;
  Config config_;
  Clients clients_;
  Slowlog slowlog_;
  AclLog acl_log_;
  Throughput throughput_;
  ScanCursors cursors_;
  RandomKeys random_keys_;
  LatencyEvents latency_events_;
  Pauses pauses_;
  Tracking tracking_;
  LatencySeries& transaction_latency_;
  CommandStatistics command_statistics_;
  Statistics statistics_;
  std::atomic<uint64_t> last_save_s_;
  std::atomic<Sequence> saved_commit_;
  std::atomic<uint64_t> events_after_{0};
  void run_jobs();

  std::atomic<bool> saving_{false};
  std::mutex jobs_mutex_;
  std::deque<std::pair<Job, JobTold>> jobs_;  // guarded by jobs_mutex_
  bool jobs_run_ = false;                     // likewise: the thread will look at jobs_ again
  std::thread jobs_thread_;                   // likewise
  mutable std::mutex keys_mutex_;
  std::shared_ptr<const KeyTable> keys_;  // guarded by keys_mutex_
  RateLimit key_rate_;                    // guarded by keys_mutex_
  RateLimit address_rate_;                // guarded by keys_mutex_
  std::atomic<bool> has_rates_{false};
  RateLimiter key_limiter_;
  RateLimiter address_limiter_;
};

}  // namespace kvfs::resp
