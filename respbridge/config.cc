#include "respbridge/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/listen_address.h"
#include "respbridge/config_accepted.h"
#include "respbridge/config_texts.h"
#include "respbridge/numbers.h"
#include "store/eviction_policy.h"
#include "store/glob.h"

namespace kvfs::resp {

namespace {

// Classes of types and events that kvfs does not have yet: remembered, never met.
constexpr uint32_t kListEvents = 1 << 16, kHashEvents = 1 << 17, kSortedSetEvents = 1 << 18, kStreamEvents = 1 << 19,
                   kModuleEvents = 1 << 20;
// In the order in which Redis tells them.
constexpr std::pair<char, uint32_t> kEventLetters[] = {
    {'g', kGenericEvents},   {'$', kStringEvents},    {'l', kListEvents},    {'s', kSetEvents},
    {'h', kHashEvents},      {'z', kSortedSetEvents}, {'x', kExpiredEvents}, {'e', kEvictedEvents},
    {'t', kStreamEvents},    {'d', kModuleEvents},    {'n', kNewKeyEvents},  {'K', kKeyspaceChannel},
    {'E', kKeyeventChannel}, {'m', kMissEvents},
};
constexpr uint32_t kAllEvents = kGenericEvents | kStringEvents | kSetEvents | kExpiredEvents | kEvictedEvents |
                                kListEvents | kHashEvents | kSortedSetEvents | kStreamEvents | kModuleEvents;

/// `listen` in Redis's words. Of several ports the first is told.
struct Listening {
  std::string bind;  // hosts, "-" before those that may be missing
  std::string port = "0";
  std::string tls_port = "0";
  std::string unix_socket;
};
Listening listening(const std::vector<std::string>& listen) {
  Listening out;
  for (const std::string& text : listen) {
    const Result<ListenAddress> address = ListenAddress::parse(text);
    if (!address) continue;
    if (!address->unix_path.empty()) {
      if (out.unix_socket.empty()) out.unix_socket = address->unix_path;
      continue;
    }
    std::string& port = address->tls ? out.tls_port : out.port;
    if (port == "0") port = std::to_string(address->port);
    const std::string host = (address->optional ? "-" : "") + address->host;
    if ((" " + out.bind + " ").find(" " + host + " ") != std::string::npos) continue;
    out.bind.append(out.bind.empty() ? "" : " ").append(host);
  }
  return out;
}

Error failed(std::string_view name, std::string_view why) {
  return {Errc::invalid, fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}", name, why)};
}

/// An error as the reply to CONFIG SET.
Result<std::string> told(std::string_view name, Result<std::string> checked) {
  if (!checked) return failed(name, checked.error().detail);
  return checked;
}

}  // namespace

Result<uint32_t> parse_event_classes(std::string_view letters) {
  uint32_t classes = 0;
  for (const char letter : letters) {
    if (letter == 'A') {
      classes |= kAllEvents;
      continue;
    }
    bool known = false;
    for (const auto& [each, bit] : kEventLetters)
      if (each == letter) {
        classes |= bit;
        known = true;
      }
    if (!known) return {Errc::invalid, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."};
  }
  return classes;
}

std::string format_event_classes(uint32_t classes) {
  std::string out;
  const bool all = (classes & kAllEvents) == kAllEvents;
  if (all) out.push_back('A');
  for (const auto& [letter, bit] : kEventLetters)
    if ((classes & bit) != 0 && !(all && (bit & kAllEvents) != 0)) out.push_back(letter);
  return out;
}

Config::Config(const RespOptions& options) {
  // Changeable.
  const Result<uint32_t> classes = parse_event_classes(options.notify_keyspace_events);
  add("notify-keyspace-events", Kind::events, classes ? format_event_classes(*classes) : "");
  add("slowlog-log-slower-than", Kind::number, std::to_string(options.slowlog_slower_than_us), -1);
  add("slowlog-max-len", Kind::number, std::to_string(options.slowlog_entries_max), 0, 1'000'000);
  add("timeout", Kind::number, std::to_string(options.idle_timeout_ms / 1000), 0, INT32_MAX);
  add("maxclients", Kind::number, std::to_string(options.connections_max), 1, 1'000'000);
  add("tracking-table-max-keys", Kind::number, std::to_string(options.tracked_keys_max));
  add("latency-monitor-threshold", Kind::number, "0");
  add("maxmemory-clients", Kind::memory, std::to_string(options.clients_bytes_max));
  // Each tenant has its own: memory_config.h.
  add("maxmemory", Kind::memory, "0");
  add("maxmemory-policy", Kind::policy, "noeviction");
  add("maxmemory-samples", Kind::number, "5", 1, 1000);
  add("maxkeys", Kind::number, "0");
  add("set-max-intset-entries", Kind::number, std::to_string(set_intset_max_.load()));
  for (const AcceptedNumber& each : kAcceptedNumbers)
    add(std::string(each.name), Kind::number, std::to_string(each.value), each.min, INT32_MAX);
  for (const auto& [name, value] : kAcceptedMemory) add(std::string(name), Kind::memory, std::string(value));
  for (const auto& [name, on] : kAcceptedSwitches) add(std::string(name), Kind::boolean, on ? "yes" : "no");
  for (const AcceptedChoice& each : kAcceptedChoices) {
    add(std::string(each.name), Kind::choice, std::string(each.value));
    parameters_.find(each.name)->second.choices = each.choices;
  }
  add("save", Kind::save_points, "");
  add("latency-tracking", Kind::boolean, "yes");
  add("latency-tracking-info-percentiles", Kind::percentiles, "50 99 99.9");
  OutputLimits limits;
  limits[kPubsubLimit].hard = options.push_bytes_max;
  add("client-output-buffer-limit", Kind::output_limits, format_output_limits(limits));
  // Set by kvfs.ini.
  add("lfu-log-factor", Kind::settled, "10");
  add("lfu-decay-time", Kind::settled, "1");
  add("proto-max-bulk-len", Kind::settled, std::to_string(options.bulk_bytes_max));
  add("client-query-buffer-limit", Kind::settled, std::to_string(options.query_buffer_bytes_max));
  add("tcp-keepalive", Kind::settled, std::to_string(options.tcp_keepalive_s));
  add("protected-mode", Kind::settled, options.anonymous ? "no" : "yes");
  add("dir", Kind::settled, "");
  add("dbfilename", Kind::settled, "");
  const Listening where = listening(options.listen);
  add("bind", Kind::settled, where.bind);
  add("port", Kind::settled, where.port);
  add("tls-port", Kind::settled, where.tls_port);
  add("requirepass", Kind::settled, "");
  add("masterauth", Kind::settled, "");
  // Fixed in Redis, too.
  add("databases", Kind::fixed, std::to_string(options.databases));
  add("tcp-backlog", Kind::fixed, std::to_string(options.backlog));
  add("io-threads", Kind::fixed, std::to_string(options.threads));
  add("cluster-enabled", Kind::fixed, "no");
  add("daemonize", Kind::fixed, "no");
  add("logfile", Kind::fixed, "");
  add("unixsocket", Kind::fixed, where.unix_socket);
  add("replicaof", Kind::fixed, "");
  add("enable-debug-command", Kind::fixed, options.enable_debug ? "yes" : "no");
  add("enable-module-command", Kind::fixed, "no");
  add("enable-protected-configs", Kind::fixed, "no");
  add("aclfile", Kind::fixed, "");
  add("pidfile", Kind::fixed, "");
  add("supervised", Kind::fixed, "no");
  add("rdbchecksum", Kind::fixed, "yes");
  for (const auto& [name, parameter] : parameters_) apply(name, parameter.value);
}

void Config::add(std::string name, Kind kind, std::string value, int64_t min, int64_t max) {
  parameters_.emplace(std::move(name), Parameter{kind, std::move(value), min, max});
}

std::vector<std::pair<std::string, std::string>> Config::get(const std::vector<std::string_view>& patterns) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::string>> out;
  const auto matches = [&](std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](std::string_view pattern) { return glob_matches(pattern, name, true); });
  };
  for (const auto& [name, parameter] : parameters_)
    if (matches(name)) out.emplace_back(name, parameter.value);
  for (const auto& [alias, name] : kConfigAliases)
    if (matches(alias)) out.emplace_back(alias, parameters_.find(name)->second.value);
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> Config::checked(const std::string& name, const Parameter& parameter, std::string_view value) {
  switch (parameter.kind) {
    case Kind::settled:
      if (value == parameter.value) return std::string(value);
      return failed(name, "can't be set at run time, but by kvfs.ini");
    case Kind::fixed:
      return failed(name, "can't set immutable config");
    case Kind::number: {
      const std::optional<int64_t> number = parse_integer(value);
      if (!number) return failed(name, "argument couldn't be parsed into an integer");
      if (*number < parameter.min || *number > parameter.max)
        return failed(name, fmt::format("argument must be between {} and {} inclusive", parameter.min, parameter.max));
      return std::string(value);
    }
    case Kind::memory: {
      const std::optional<int64_t> number = parse_memory(value);
      if (!number) return failed(name, "argument must be a memory value");
      return std::to_string(*number);
    }
    case Kind::boolean:
      if (!equals_ignoring_case(value, "yes") && !equals_ignoring_case(value, "no"))
        return failed(name, "argument must be 'yes' or 'no'");
      return lower_case(value);
    case Kind::events: {
      const Result<uint32_t> classes = parse_event_classes(value);
      if (!classes) return failed(name, classes.error().detail);
      return format_event_classes(*classes);
    }
    case Kind::policy:
      if (const Result<EvictionPolicy> policy = parse_eviction_policy(value)) return std::string(to_string(*policy));
      return failed(name,
                    fmt::format("argument(s) must be one of the following: {}", fmt::join(kEvictionPolicyNames, ", ")));
    case Kind::choice:
      return told(name, checked_choice(parameter.choices, value));
    case Kind::save_points:
      return told(name, checked_save_points(value));
    case Kind::percentiles:
      return told(name, checked_percentiles(value));
    case Kind::output_limits: {
      const Result<OutputLimits> limits = parse_output_limits(value, *parse_output_limits(parameter.value, {}));
      return limits ? format_output_limits(*limits) : told(name, limits.error());
    }
  }
  return std::string(value);
}

std::vector<double> Config::latency_percentiles() const {
  const std::lock_guard lock(mutex_);
  return *parse_percentiles(parameters_.find("latency-tracking-info-percentiles")->second.value);
}

Result<std::map<std::string, std::string>> Config::checked_all(const Values& values) const {
  std::map<std::string, std::string> accepted;
  for (const auto& [given, value] : values) {
    std::string name = lower_case(given);
    for (const auto& [alias, canonical] : kConfigAliases)
      if (name == alias) name = canonical;
    const auto parameter = parameters_.find(name);
    if (parameter == parameters_.end())
      return Error{Errc::invalid,
                   fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", given)};
    const Result<std::string> checked_value = checked(lower_case(given), parameter->second, value);
    if (!checked_value) return checked_value.error();
    if (!accepted.emplace(name, *checked_value).second) return failed(given, "duplicate parameter");
  }
  return accepted;
}

Result<void> Config::check(const Values& values) const {
  const std::lock_guard lock(mutex_);
  const Result<std::map<std::string, std::string>> accepted = checked_all(values);
  if (!accepted) return accepted.error();
  return {};
}

Result<void> Config::set(const Values& values) {
  const std::lock_guard lock(mutex_);
  const Result<std::map<std::string, std::string>> accepted = checked_all(values);
  if (!accepted) return accepted.error();
  for (const auto& [name, value] : *accepted) {
    parameters_.find(name)->second.value = value;
    apply(name, value);
  }
  return {};
}

void Config::apply(const std::string& name, const std::string& value) {
  const auto number = [&] { return parse_integer(value).value_or(0); };
  if (name == "notify-keyspace-events") event_classes_.store(*parse_event_classes(value));
  if (name == "slowlog-log-slower-than") slower_than_us_.store(number());
  if (name == "slowlog-max-len") slowlog_entries_max_.store(static_cast<size_t>(number()));
  if (name == "timeout") idle_timeout_ms_.store(static_cast<uint64_t>(number()) * 1000);
  if (name == "tracking-table-max-keys") tracked_keys_max_.store(static_cast<size_t>(number()));
  if (name == "latency-monitor-threshold") latency_threshold_ms_.store(static_cast<uint64_t>(number()));
  if (name == "set-max-intset-entries") set_intset_max_.store(static_cast<size_t>(number()));
  if (name == "latency-tracking") tracks_latency_.store(value == "yes");
  if (name == "client-output-buffer-limit") {
    const OutputLimit limit = (*parse_output_limits(value, {}))[kPubsubLimit];
    push_bytes_max_.store(limit.hard);
    push_bytes_soft_.store(limit.soft);
    push_soft_ms_.store(limit.soft_s * 1000);
  }
  if (name == "maxmemory-clients") clients_bytes_max_.store(static_cast<uint64_t>(number()));
  if (name == "maxclients") connections_max_.store(static_cast<size_t>(number()));
}

}  // namespace kvfs::resp
