// What happens between a parsed request and its answer: route, caller, limits, handler, errors. Knows no socket.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "httpbridge/auth.h"
#include "httpbridge/metrics.h"
#include "httpbridge/options.h"
#include "httpbridge/request.h"
#include "httpbridge/response.h"
#include "httpbridge/router.h"
#include "store/store.h"

namespace kvfs::http {

/// What can change while the server runs (SIGHUP). Immutable.
struct Policy {
  std::shared_ptr<const KeyTable> keys;
  std::vector<std::string> cors_origins;
  RateLimit key_rate;
  RateLimit address_rate;
};

/// What one connection keeps between its requests. Used by one thread at a time.
struct Connection {
  std::string peer = "unknown";
  bool loopback = true;
  std::shared_ptr<const Policy> policy;
  uint64_t policy_generation = 0;
  std::string credential;  // the last one that was accepted, so that it is not hashed again
  Caller caller;           // whom it stands for
};

class Service;
class WatchHub;

/// What handlers work with; one for each thread.
class Context {
 public:
  /// `post` runs a function later on the context's thread (see WatchHub).
  Context(Service& service, MetricsShard& shard, std::function<void(std::function<void()>)> post);
  ~Context();

  Store& store;
  const HttpOptions& options;
  Service& service;
  MetricsShard& metrics;
  WriteOptions write_options;  // carries the door's origin, and says that writes do not wait for the disk
  /// The last write since this was reset that may be acknowledged only when it is durable; 0: there is none.
  Sequence awaits_sync = 0;
  const std::unique_ptr<WatchHub> watch_hub;
  /// When a handler that works in steps gives up between two of them, in milliseconds of std::chrono::steady_clock; 0:
  /// never.
  int64_t give_up_ms = 0;
  /// Errors: timeout, once that is over.
  Result<void> in_time() const;
};

/// Thread safety: all functions may be called from any thread, each with its own context, connection and request.
class Service {
 public:
  /// Makes the tenants that the keys name. Errors: invalid, and those of the store.
  static Result<std::unique_ptr<Service>> make(Store& store, HttpOptions options, size_t threads);

  enum class Next { answer, body };
  /// Decides on the head of a request: `answer` means that `response` is complete already (an error, a preflight);
  /// `body` that the body is to be read (as request.upload says) and handle() to be called, also when it is empty.
  Next admit(Context& context, Connection& connection, Request& request, Response& response);

  /// Bytes of a body that goes into the store. Errors: as ValueWriter::append; then `response` is complete.
  Result<void> take_upload(Request& request, std::string_view bytes);
  /// The same for bytes that have been put into request.upload->room().
  Result<void> took_upload(Request& request, size_t bytes);

  /// Runs the handler. Throws nothing.
  void handle(Context& context, Request& request, Response& response);

  /// Whether the handler may be left out and the request carried out as a ValuePut, with those of others.
  static bool may_gather(const Request& request);

  /// An error that was found outside of a handler, in the style of the request's route.
  void fail(const Request& request, Response& response, int status, std::string_view detail) const;
  void fail(const Request& request, Response& response, const Error& error) const;
  /// Of what a handler threw.
  void fail_unexpectedly(Request& request, Response& response, const std::exception& e) const;

  /// Takes nothing over yet: what it returns does, and cannot fail. Errors: invalid.
  Result<std::function<void()>> prepare_reload(const HttpOptions& options);
  std::shared_ptr<const Policy> policy() const;

  void set_draining() { draining_.store(true); }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }

  MetricsShard& shard(size_t thread) { return *shards_[thread]; }
  MetricsTotal totals() const;
  LatencySeries& latency_of(Operation operation) { return *latencies_[static_cast<size_t>(operation)]; }

  Store& store() { return store_; }
  const HttpOptions& options() const { return options_; }
  Origin origin() const { return origin_; }
  uint64_t started_ms() const { return started_ms_; }
  std::atomic<int64_t>& watches() { return watches_; }

 private:
  Service(Store& store, HttpOptions options, size_t threads);
  static Result<std::shared_ptr<const Policy>> make_policy(Store& store, const HttpOptions& options);
  void refresh(Connection& connection);
  bool authenticate(Connection& connection, Request& request, Response& response);
  bool within_rates(Context& context, Connection& connection, const Request& request, Response& response);
  void add_cors(const Connection& connection, const Request& request, Response& response) const;
  void preflight(const Router::Match& match, const Request& request, Response& response) const;
  Result<void> read_parameters(const Router::Match& match, Request& request);
  Next plan_body(Context& context, Request& request, Response& response);

  Store& store_;
  const HttpOptions options_;
  const Origin origin_;
  const uint64_t started_ms_;
  std::vector<std::unique_ptr<MetricsShard>> shards_;
  std::array<LatencySeries*, kOperations> latencies_;
  RateLimiter key_limiter_;
  RateLimiter address_limiter_;
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> watches_{0};

  mutable std::mutex policy_mutex_;
  std::shared_ptr<const Policy> policy_;  // guarded by policy_mutex_
  std::atomic<uint64_t> policy_generation_{1};
};

}  // namespace kvfs::http
