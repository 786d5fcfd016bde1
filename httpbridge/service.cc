#include "httpbridge/service.h"

#include <limits.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "httpbridge/compression.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/value_put.h"
#include "httpbridge/watch_hub.h"

namespace kvfs::http {

namespace {

template <typename Call>
Result<void> without_throwing(Call&& call) {
  try {
    return call();
  } catch (const StoreException& e) {
    return e.error();
  }
}

constexpr size_t kRequestIdBytesMax = 128;

/// Methods of RFC 9110 that no resource here has: 405. Any other that is not ours is 501.
bool is_known_elsewhere(std::string_view method) { return method == "TRACE" || method == "CONNECT"; }

int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool changes_data(const Route& route) { return route.access == Access::write || route.access == Access::admin; }

/// Whether a Host field names this machine by an address, or by a name that nobody else gives away.
bool is_own_name(std::string_view host) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  if (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos) return true;
  char own[HOST_NAME_MAX + 1] = {};
  return ::gethostname(own, HOST_NAME_MAX) == 0 && host == own;
}

/// A browser names the page that asks, and asks without permission what needs no preflight. Whoever needs no key here
/// must not be written for by any page that his browser shows.
/// By `loopback` a name must be one of this machine's: any name may lead to it (DNS rebinding).
bool is_foreign_page(const Headers& headers, const std::vector<std::string>& cors_origins, bool loopback) {
  std::string_view origin = headers.origin;
  if (origin.data() == nullptr) return false;
  for (const std::string& allowed : cors_origins)
    if (allowed == "*" || allowed == origin) return false;
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos || origin.substr(scheme + 3) != headers.host) return true;
  return loopback && !is_own_name(headers.host);
}

}  // namespace

Context::Context(Service& of, MetricsShard& shard, std::function<void(std::function<void()>)> post)
    : store(of.store()),
      options(of.options()),
      service(of),
      metrics(shard),
      watch_hub(std::make_unique<WatchHub>(of.store().feed(), std::move(post))) {
  write_options.origin = of.origin();
  write_options.awaits_sync = &awaits_sync;
}

Context::~Context() = default;

Result<void> Context::in_time() const {
  if (give_up_ms == 0 || monotonic_ns() / 1'000'000 < give_up_ms) return {};
  metrics.timeouts.add();
  return {Errc::timeout, "it took longer than request_timeout, and was given up; nothing was changed"};
}

Service::Service(Store& store, HttpOptions options, size_t threads)
    : store_(store), options_(std::move(options)), origin_(store.new_origin()), started_ms_(store.now_ms()) {
  for (size_t i = 0; i < threads; ++i) shards_.push_back(std::make_unique<MetricsShard>());
  for (size_t i = 0; i < kOperations; ++i)
    latencies_[i] = &store.latencies().series("http", to_string(static_cast<Operation>(i)));
}

Result<std::unique_ptr<Service>> Service::make(Store& store, HttpOptions options, size_t threads) {
  auto policy = make_policy(store, options);
  if (!policy) return policy.error();
  std::unique_ptr<Service> service(new Service(store, std::move(options), threads));
  service->policy_ = std::move(*policy);
  return service;
}

Result<std::shared_ptr<const Policy>> Service::make_policy(Store& store, const HttpOptions& options) {
  auto keys = KeyTable::build(options.keys, {options.anonymous_tenant, options.anonymous});
  if (!keys) return keys.error();
  for (const std::string& tenant : (*keys)->tenants())
    if (auto made = store.ensure_tenant(tenant); !made) return made.error();
  return std::shared_ptr<const Policy>(
      std::make_shared<Policy>(Policy{std::move(*keys), options.cors_origins, options.key_rate, options.address_rate}));
}

Result<std::function<void()>> Service::prepare_reload(const HttpOptions& options) {
  auto policy = make_policy(store_, options);
  if (!policy) return policy.error();
  return std::function<void()>([this, made = std::move(*policy)] {
    const std::lock_guard lock(policy_mutex_);
    policy_ = made;
    policy_generation_.fetch_add(1);
  });
}

std::shared_ptr<const Policy> Service::policy() const {
  const std::lock_guard lock(policy_mutex_);
  return policy_;
}

void Service::refresh(Connection& connection) {
  const uint64_t generation = policy_generation_.load(std::memory_order_acquire);
  if (connection.policy_generation == generation) return;
  connection.policy = policy();
  connection.policy_generation = generation;
  connection.credential.clear();
}

MetricsTotal Service::totals() const {
  MetricsTotal total;
  for (const auto& shard : shards_) total.add(*shard);
  return total;
}

void Service::fail(const Request& request, Response& response, int status, std::string_view detail) const {
  const ErrorStyle style = request.route != nullptr ? request.route->style : Router::style_of(request.path);
  set_error(response, style, status, detail);
}

void Service::fail(const Request& request, Response& response, const Error& error) const {
  const ErrorStyle style = request.route != nullptr ? request.route->style : Router::style_of(request.path);
  if (http_status(error.code) == 500)
    spdlog::error("http: {} {}: {}", request.method_name, request.path, error.message());
  set_error(response, style, error);
}

Service::Next Service::admit(Context& context, Connection& connection, Request& request, Response& response) {
  try {
    refresh(connection);
    if (request.headers.x_request_id.data() != nullptr && request.headers.x_request_id.size() <= kRequestIdBytesMax)
      response.add_untrusted("X-Request-Id", request.headers.x_request_id);
    if (!connection.policy->cors_origins.empty()) add_cors(connection, request, response);

    const Router::Match match = Router::instance().match(request.method, request.path);
    if (request.method == Method::options) {
      preflight(match, request, response);
      return Next::answer;
    }
    if (match.route == nullptr) {
      if (match.key_missing) {
        set_error(response, match.style, 400, "the key is empty: the path ends in '/'");
      } else if (request.method == Method::other && !is_known_elsewhere(request.method_name)) {
        set_error(response, match.style, 501, std::string(request.method_name) + " is no method of this server");
      } else if (!match.allow.empty()) {
        response.add("Allow", match.allow);
        set_error(response, match.style, 405,
                  std::string(request.method_name) + " is not offered here; Allow names what is");
      } else {
        set_error(response, match.style, 404, "no such route; /openapi.json lists all");
      }
      return Next::answer;
    }
    request.route = match.route;
    if (!within_rates(context, connection, request, response)) return Next::answer;
    if (!authenticate(connection, request, response)) {
      context.metrics.unauthorized.add();
      return Next::answer;
    }
    if (auto read = read_parameters(match, request); !read) {
      fail(request, response, read.error());
      return Next::answer;
    }
    return plan_body(context, request, response);
  } catch (const std::exception& e) {
    fail_unexpectedly(request, response, e);
  }
  return Next::answer;
}

bool Service::authenticate(Connection& connection, Request& request, Response& response) {
  const Route& route = *request.route;
  const KeyTable& keys = *connection.policy->keys;
  std::string storage;
  const std::string_view credential = keys.empty() ? std::string_view() : credential_of(request.headers, storage);
  const bool open = route.access == Access::open || (route.access == Access::metrics && options_.metrics_public);
  std::optional<Caller> caller;
  if (!connection.credential.empty() && credential == connection.credential) {
    caller = connection.caller;
  } else if (credential.data() != nullptr) {
    if (const Identity* const found = keys.find(credential)) {
      caller = caller_of(*found);
      connection.credential = credential;
      connection.caller = *caller;
    }
  } else if (const Identity* const anonymous = keys.anonymous(connection.loopback)) {
    caller = caller_of(*anonymous);
  }
  if (!caller) {
    if (open) return true;
    response.add("WWW-Authenticate", "Bearer realm=\"kvfs\"");
    fail(request, response, 401,
         credential.data() != nullptr ? "unknown API key" : "an API key is needed: X-API-Key or Authorization: Bearer");
    return false;
  }
  request.caller = *caller;
  if (credential.data() == nullptr && changes_data(route) &&
      is_foreign_page(request.headers, connection.policy->cors_origins, connection.loopback)) {
    fail(request, response, 403, "without an API key a page of another origin may change nothing; see cors_origins");
    return false;
  }
  if (caller->read_only && changes_data(route)) {
    fail(request, response, 403, "this API key may only read");
    return false;
  }
  if (route.access == Access::admin && !caller->admin) {
    fail(request, response, 403, "this needs an administrator's API key");
    return false;
  }
  if (const std::string_view named = request.headers.kvfs_tenant; named.data() != nullptr) {
    if (!caller->all_tenants && credential.data() != nullptr && named != caller->tenant) {
      fail(request, response, 403, "this API key is not of the tenant that Kvfs-Tenant names");
      return false;
    }
    if (caller->all_tenants) request.caller.tenant = named;
  }
  if (open || request.caller.tenant.empty()) return true;
  const auto tenant = store_.find_tenant(request.caller.tenant);
  if (!tenant) {
    fail(request, response, 404, "no such tenant");
    return false;
  }
  request.caller.tenant_dir = *tenant;
  return true;
}

bool Service::within_rates(Context& context, Connection& connection, const Request& request, Response& response) {
  const Policy& policy = *connection.policy;
  if ((policy.address_rate.per_second <= 0 && policy.key_rate.per_second <= 0) || request.route->access == Access::open)
    return true;
  const int64_t now_ns = monotonic_ns();
  RateLimiter::Verdict verdict;
  std::string_view what = "address";
  if (policy.address_rate.per_second > 0) verdict = address_limiter_.take(policy.address_rate, connection.peer, now_ns);
  if (verdict.allowed && policy.key_rate.per_second > 0) {
    std::string storage;
    const std::string_view credential = credential_of(request.headers, storage);
    const bool cached = !connection.credential.empty() && credential == connection.credential;
    std::string_view name = "anonymous";
    if (cached)
      name = connection.caller.name;
    else if (const Identity* const found = policy.keys->find(credential))
      name = found->name;
    verdict = key_limiter_.take(policy.key_rate, name, now_ns);
    what = "API key";
  }
  response.add("RateLimit-Limit", verdict.limit);
  response.add("RateLimit-Remaining", verdict.remaining);
  response.add("RateLimit-Reset", verdict.reset_s);
  if (verdict.allowed) return true;
  context.metrics.rate_limited.add();
  response.add("Retry-After", verdict.retry_after_s);
  fail(request, response, 429, "too many requests for this " + std::string(what) + "; Retry-After says when to go on");
  return false;
}

void Service::add_cors(const Connection& connection, const Request& request, Response& response) const {
  const auto& origins = connection.policy->cors_origins;
  const bool any = std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (!any) response.add("Vary", "Origin");  // also for those without, or a cache gives theirs to pages
  if (request.headers.origin.empty()) return;
  if (!any && std::find(origins.begin(), origins.end(), request.headers.origin) == origins.end()) return;
  if (any)
    response.add("Access-Control-Allow-Origin", "*");
  else
    response.add_untrusted("Access-Control-Allow-Origin", request.headers.origin);
  if (request.method == Method::options) {
    response.add("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, PATCH, DELETE");
    response.add("Access-Control-Allow-Headers",
                 "Authorization, X-API-Key, Content-Type, Content-Range, If-Match, If-None-Match, If-Modified-Since, "
                 "If-Unmodified-Since, Range, If-Range, Kvfs-Ttl, Kvfs-Type, Kvfs-Sync, Kvfs-Tenant, Last-Event-ID, "
                 "X-Request-Id");
    response.add("Access-Control-Max-Age", "600");
  } else {
    response.add("Access-Control-Expose-Headers",
                 "ETag, Accept-Ranges, Allow, Content-Encoding, Content-Range, Date, Kvfs-Ttl, Kvfs-Type, Kvfs-Cursor, "
                 "Kvfs-Truncated, Kvfs-Omitted-Keys, Link, Location, Retry-After, RateLimit-Limit, "
                 "RateLimit-Remaining, RateLimit-Reset, X-Request-Id");
  }
}

void Service::preflight(const Router::Match& match, const Request& request, Response& response) const {
  if (match.allow.empty() && request.target != "*") {
    set_error(response, match.style, 404, "no such route; /openapi.json lists all");
    return;
  }
  response.add("Allow", match.allow.empty() ? "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS" : match.allow);
  if (match.allow.find("PATCH") != std::string_view::npos) response.add("Accept-Patch", kPatchTypes);
  response.status = 204;
}

Result<void> Service::read_parameters(const Router::Match& match, Request& request) {
  if (match.key.data() != nullptr) {
    if (auto r = percent_decode(match.key, request.key); !r) return r.error();
  }
  request.collection_named = match.collection.data() != nullptr;
  if (request.collection_named) return percent_decode(match.collection, request.collection);
  if (request.query.find("collection=") != std::string_view::npos) {
    auto named = query_value(request.query, "collection");
    if (!named) return named.error();
    if (*named && !(*named)->empty()) {
      request.collection = std::move(**named);
      request.collection_named = true;
      return {};
    }
  }
  request.collection = options_.default_collection;
  return {};
}

Service::Next Service::plan_body(Context& context, Request& request, Response& response) {
  const Route& route = *request.route;
  const bool needs_tenant = route.access == Access::read || route.access == Access::write;
  if (needs_tenant && request.caller.tenant_dir == 0) {
    fail(request, response, 400, "name a tenant in the Kvfs-Tenant field: this key may use all of them");
    return Next::answer;
  }
  if (route.body == BodyUse::none) return Next::body;
  if (!request.headers.content_encoding.empty() && request.headers.content_encoding != "identity") {
    response.add("Accept-Encoding", "identity");
    fail(request, response, 415, "Content-Encoding is not taken; send the body as it is");
    return Next::answer;
  }
  const bool by_value = route.body == BodyUse::value;
  const bool streams = by_value && (request.chunked || request.content_length > kInlineBytesMax);
  const uint64_t limit = by_value ? options_.value_bytes_max : options_.body_bytes_max;
  if (request.content_length > limit) {
    fail(request, response, 413,
         by_value ? "the value is larger than value_bytes_max, " + std::to_string(limit) + " bytes"
                  : "the body is larger than body_bytes_max, " + std::to_string(limit) + " bytes");
    return Next::answer;
  }
  if (route.before_body != nullptr && (streams || request.headers.expect.data() != nullptr)) {
    if (auto good = route.before_body(context, request, response); !good) {
      fail(request, response, good.error());
      return Next::answer;
    }
    if (response.status != 200) return Next::answer;
  }
  if (streams) request.upload.emplace(store_.chunks(), limit);
  return Next::body;
}

Result<void> Service::take_upload(Request& request, std::string_view bytes) {
  return without_throwing([&] { return request.upload->append(bytes); });
}

Result<void> Service::took_upload(Request& request, size_t bytes) {
  return without_throwing([&] { return request.upload->took(bytes); });
}

bool Service::may_gather(const Request& request) {
  return request.route->handler == v1_put && ValuePut::can_share(request);
}

void Service::fail_unexpectedly(Request& request, Response& response, const std::exception& e) const {
  if (const auto* store = dynamic_cast<const StoreException*>(&e)) return fail(request, response, store->error());
  spdlog::error("http: {} {}: {}", request.method_name, request.path, e.what());
  if (dynamic_cast<const std::bad_alloc*>(&e) != nullptr)
    return fail(request, response, 503, "the server gets no more memory for this request");
  fail(request, response, 500, "the server failed; its log says why");
}

void Service::handle(Context& context, Request& request, Response& response) {
  try {
    if (auto done = request.route->handler(context, request, response); !done)
      fail(request, response, done.error());
    else
      compress_answer(options_, request, response);
  } catch (const std::exception& e) {
    fail_unexpectedly(request, response, e);
  }
}

}  // namespace kvfs::http
