#include "respbridge/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "store/patience.h"

namespace kvfs::resp {

namespace {

std::string random_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 5; ++i) id += fmt::format("{:08x}", random());
  return id;
}

}  // namespace

Service::Service(Store& store, RespOptions options, RespServer::Hooks hooks)
    : store_(store),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      origin_(store.new_origin()),
      started_ms_(store.now_ms()),
      run_id_(random_id()),
      config_(options_),
      cursors_(options_.scan_cursors_max),
      tracking_(store.feed(), clients_, [this](std::string_view name) { return database_of(name).has_value(); }),
      transaction_latency_(store.latencies().series("resp", "transaction")),
      command_statistics_(store.latencies()),
      last_save_s_(started_ms_ / 1000),
      saved_commit_(store.last_commit()) {}

Service::~Service() {
  if (jobs_thread_.joinable()) jobs_thread_.join();
}

Result<std::unique_ptr<Service>> Service::make(Store& store, RespOptions options, RespServer::Hooks hooks) {
  if (options.databases == 0) return {Errc::invalid, "[resp] databases must be at least 1"};
  if (Result<uint32_t> classes = parse_event_classes(options.notify_keyspace_events); !classes)
    return {Errc::invalid, "[resp] notify_keyspace_events: " + classes.error().detail};
  std::unique_ptr<Service> service(new Service(store, std::move(options), std::move(hooks)));
  for (uint32_t n = 0; n < service->options_.databases; ++n) {
    const auto named = service->options_.database_names.find(n);
    std::string name = n == 0 ? service->options_.default_collection : std::to_string(n);
    if (named != service->options_.database_names.end()) name = named->second;
    if (Result<void> ok = check_name(name, "collection of a database"); !ok) return ok.error();
    if (service->database_of(name))
      return {Errc::invalid, fmt::format("two databases of [resp] are the collection '{}'", name)};
    service->collection_names_.push_back(std::move(name));
  }
  const auto take_over = service->prepare_reload(service->options_);
  if (!take_over) return take_over.error();
  (*take_over)();
  return service;
}

std::optional<uint32_t> Service::database_of(std::string_view collection) const {
  for (size_t n = 0; n < collection_names_.size(); ++n)
    if (collection_names_[n] == collection) return static_cast<uint32_t>(n);
  return std::nullopt;
}

std::shared_ptr<const KeyTable> Service::keys() const {
  const std::lock_guard lock(keys_mutex_);
  return keys_;
}

Result<std::function<void()>> Service::prepare_reload(const RespOptions& options) {
  Result<std::shared_ptr<const KeyTable>> table =
      KeyTable::build(options.keys, {options.anonymous_tenant, options.anonymous});
  if (!table) return table.error();
  for (const std::string& tenant : (*table)->tenants())
    if (Result<DirId> made = store_.ensure_tenant(tenant); !made) return made.error();
  return std::function<void()>(
      [this, made = std::move(*table), key_rate = options.key_rate, address_rate = options.address_rate] {
        const std::lock_guard lock(keys_mutex_);
        keys_ = made;
        key_rate_ = key_rate;
        address_rate_ = address_rate;
        has_rates_.store(key_rate.per_second > 0 || address_rate.per_second > 0, std::memory_order_relaxed);
      });
}

int64_t Service::charge(const Client& client, std::string_view address, size_t commands) {
  if (commands == 0 || !has_rates_.load(std::memory_order_relaxed)) return 0;
  RateLimit key_rate, address_rate;
  {
    const std::lock_guard lock(keys_mutex_);
    key_rate = key_rate_;
    address_rate = address_rate_;
  }
  const int64_t now_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto tokens = static_cast<double>(commands);
  const int64_t of_address = address_limiter_.charge(address_rate, address, tokens, now_ns);
  const int64_t of_key = client.authenticated ? key_limiter_.charge(key_rate, client.identity.name, tokens, now_ns) : 0;
  return std::max(of_address, of_key);
}

void Service::admit(Client& client, bool loopback) const {
  client.loopback = loopback;
  const auto table = keys();
  const Identity* const anonymous = table->anonymous(loopback);
  client.authenticated = anonymous != nullptr;
  client.identity = anonymous != nullptr ? *anonymous : Identity{};
  if (anonymous != nullptr) client.identity.name = "default";  // as the protocol calls who has not named himself
  const std::lock_guard lock(client.card->mutex);
  client.card->tenant = client.identity.tenant;
}

Result<void> Service::configure(const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  if (config_.event_classes() == 0) events_after_.store(store_.feed().last());
  if (Result<void> ok = config_.set(values); !ok) return ok;
  tracking_.limit(config_.tracked_keys_max());
  return {};
}

uint64_t Service::commits_unsaved() const { return store_.last_commit() - saved_commit_.load(); }

Result<void> Service::save() {
  const Sequence commit = store_.last_commit();
  if (Result<void> ok = store_.sync(); !ok) return ok;
  if (Result<void> ok = store_.checkpoint(); !ok) return ok;
  last_save_s_.store(store_.now_ms() / 1000);
  saved_commit_.store(commit);
  return {};
}

void Service::save_in_background() {
  if (saving_.exchange(true)) return;
  const std::shared_ptr<void> end(nullptr, [this](void*) { saving_.store(false); });  // also where it throws
  run_in_background([this, end] { return save(); }, [](const Result<void>&) {});  // LASTSAVE tells whether it worked
}

void Service::run_in_background(Job job, JobTold told) {
  const std::lock_guard lock(jobs_mutex_);
  jobs_.emplace_back(std::move(job), std::move(told));
  if (jobs_run_) return;
  if (jobs_thread_.joinable()) jobs_thread_.join();
  try {
    jobs_thread_ = std::thread([this] { run_jobs(); });
  } catch (const std::exception&) {  // no thread, no job
    jobs_.pop_back();
    throw;
  }
  jobs_run_ = true;
}

void Service::run_jobs() {
  std::unique_lock lock(jobs_mutex_);
  while (!jobs_.empty()) {
    const auto [job, told] = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    Result<void> done = Errc::io;
    try {
      done = job();
    } catch (const StoreException& failure) {
      done = failure.error();
    } catch (const std::exception&) {  // no memory: the code alone
    }
    with_patience([&, &tell = told] { tell(done); });  // somebody waits for it
    lock.lock();
  }
  jobs_run_ = false;
}

}  // namespace kvfs::resp
