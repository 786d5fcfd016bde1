#include "httpbridge/metrics_text.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t stat_of(const EngineStats& stats, std::string_view name) {
  for (const auto& [key, value] : stats)
    if (key == name) return value;
  return 0;
}

void line(std::string& out, std::string_view name, std::string_view labels, uint64_t value) {
  out.append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.push_back(' ');
  append_json_number(out, value);
  out.push_back('\n');
}

void family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ")
      .append(name)
      .append(" ")
      .append(help)
      .append("\n# TYPE ")
      .append(name)
      .append(" ")
      .append(type)
      .append("\n");
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
  family(out, name, type, help);
  line(out, name, {}, value);
}

std::string seconds(uint64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(ns) / 1e9);
  return text;
}

void append_histograms(std::string& out, const Latencies& latencies) {
  constexpr std::string_view kName = "kvfs_request_duration_seconds";
  family(out, kName, "histogram", "Time from a complete request to its answer, by door and operation.");
  for (const auto& [door, operation, reading] : latencies.read()) {
    const std::string labels = "door=\"" + door + "\",operation=\"" + operation + "\"";
    uint64_t below = 0;
    for (size_t b = 0; b < reading.buckets.size(); ++b) {
      below += reading.buckets[b];
      const std::string bound = b < kLatencyBoundsUs.size() ? seconds(kLatencyBoundsUs[b] * uint64_t{1000}) : "+Inf";
      line(out, std::string(kName) + "_bucket", labels + ",le=\"" + bound + "\"", below);
    }
    out.append(kName).append("_sum{").append(labels).append("} ").append(seconds(reading.sum_ns)).push_back('\n');
    line(out, std::string(kName) + "_count", labels, reading.count);
  }
}

void append_door(std::string& out, Service& service, const MetricsTotal& total) {
  family(out, "kvfs_requests_total", "counter", "Requests answered, by operation.");
  for (size_t i = 0; i < kOperations; ++i)
    line(out, "kvfs_requests_total",
         "door=\"http\",operation=\"" + std::string(to_string(static_cast<Operation>(i))) + "\"",
         total.operations[i].requests);
  family(out, "kvfs_http_responses_total", "counter", "Answers by class of status.");
  for (size_t i = 1; i < total.by_class.size(); ++i)
    line(out, "kvfs_http_responses_total", "class=\"" + std::to_string(i) + "xx\"", total.by_class[i]);
  single(out, "kvfs_http_connections", "gauge", "Connections open now.",
         total.connections_opened - total.connections_closed);
  single(out, "kvfs_http_connections_total", "counter", "Connections accepted.", total.connections_opened);
  single(out, "kvfs_http_connections_refused_total", "counter", "Connections closed at once for a limit.",
         total.connections_refused);
  single(out, "kvfs_http_rate_limited_total", "counter", "Requests answered 429.", total.rate_limited);
  single(out, "kvfs_http_unauthorized_total", "counter", "Requests refused for their API key.", total.unauthorized);
  single(out, "kvfs_http_malformed_total", "counter", "Requests that were not HTTP.", total.malformed);
  single(out, "kvfs_http_timeouts_total", "counter", "Connections closed for a time limit.", total.timeouts);
  single(out, "kvfs_http_received_bytes_total", "counter", "Bytes read from clients.", total.bytes_in);
  single(out, "kvfs_http_sent_bytes_total", "counter", "Bytes written to clients.", total.bytes_out);
  single(out, "kvfs_http_watches", "gauge", "Watches open now.", total.watches_opened - total.watches_closed);
  single(out, "kvfs_http_changes_missed_total", "counter", "Times a watch was told that it missed changes.",
         total.changes_missed);
  append_histograms(out, service.store().latencies());
  single(out, "kvfs_uptime_seconds", "gauge", "Since this door opened.",
         (service.store().now_ms() - service.started_ms()) / 1000);
}

/// A label's value: backslash, quote and line feed escaped; what is not UTF-8 as "?".
std::string label_of(std::string_view name) {
  if (!valid_utf8(name)) return "?";
  std::string out;
  for (const char c : name) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n')
      out.append("\\n");
    else
      out.push_back(c);
  }
  return out;
}

void append_tenants(std::string& out, Service& service) {
  constexpr size_t kTenantsMax = 1000;  // series that a scrape may have for each metric
  auto tenants = service.store().read([](const ReadTxn& txn) { return list_tenants(txn); });
  if (tenants.size() > kTenantsMax) tenants.resize(kTenantsMax);
  struct Metric {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    uint64_t Store::Usage::*value;
  };
  constexpr Metric kMetrics[] = {
      {"kvfs_tenant_keys", "gauge", "Values of the tenant.", &Store::Usage::keys},
      {"kvfs_tenant_value_bytes", "gauge", "Bytes of its values.", &Store::Usage::bytes},
      {"kvfs_tenant_keys_max", "gauge", "Its limit on keys; 0: none.", &Store::Usage::quota_keys},
      {"kvfs_tenant_value_bytes_max", "gauge", "Its limit on bytes; 0: none.", &Store::Usage::quota_bytes},
      {"kvfs_tenant_evicted_total", "counter", "Values that went to make room.", &Store::Usage::evicted},
      {"kvfs_tenant_expired_total", "counter", "Values whose time had come.", &Store::Usage::expired},
      {"kvfs_tenant_hits_total", "counter", "Reads by key that found a value.", &Store::Usage::hits},
      {"kvfs_tenant_misses_total", "counter", "Reads by key that found none.", &Store::Usage::misses},
      {"kvfs_tenant_trash_keys", "gauge", "Removed values that can be had back.", &Store::Usage::trash_keys},
      {"kvfs_tenant_trash_bytes", "gauge", "Bytes of those.", &Store::Usage::trash_bytes},
  };
  std::vector<std::pair<std::string, Store::Usage>> usages;
  for (const CollectionInfo& tenant : tenants)
    usages.emplace_back("tenant=\"" + label_of(tenant.name) + "\"", service.store().usage(tenant.id));
  for (const Metric& metric : kMetrics) {
    family(out, metric.name, metric.type, metric.help);
    for (const auto& [label, usage] : usages) line(out, metric.name, label, usage.*metric.value);
  }
}

}  // namespace

std::string prometheus_text(Service& service) {
  std::string out;
  append_door(out, service, service.totals());
  const Store::Usage usage = service.store().usage(0);
  single(out, "kvfs_keys", "gauge", "Values in the store.", usage.keys);
  single(out, "kvfs_value_bytes", "gauge", "Bytes of all values.", usage.bytes);
  append_tenants(out, service);
  single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  for (const auto& [name, value] : service.store().stats())
    single(out, "kvfs_engine_" + name, "gauge", "Of the engine; see docs/operations.md.", value);
  return out;
}

std::string metrics_json(Service& service) {
  const MetricsTotal total = service.totals();
  const EngineStats stats = service.store().stats();
  std::string out = "{";
  const auto number = [&out](std::string_view name, uint64_t value) {
    if (out.size() > 1) out.push_back(',');
    append_json_string(out, name);
    out.push_back(':');
    append_json_number(out, value);
  };
  uint64_t errors = 0, requests = 0;
  for (const auto& of : total.operations) {
    errors += of.errors;
    requests += of.requests;
  }
  number("writes", total.of(Operation::write).requests + total.of(Operation::patch).requests);
  number("reads", total.of(Operation::read).requests);
  number("batches", total.of(Operation::batch).requests);
  number("scans", total.of(Operation::scan).requests);
  number("deletes", total.of(Operation::erase).requests);
  number("errors", errors);
  number("compactions", stat_of(stats, "checkpoints"));  // a checkpoint is both: a memtable merged into the base
  number("flushes", stat_of(stats, "checkpoints"));
  number("wal_syncs", stat_of(stats, "journal_syncs"));
  number("requests", requests);
  number("connections", total.connections_opened - total.connections_closed);
  number("unauthorized", total.unauthorized);
  number("rate_limited", total.rate_limited);
  number("bytes_received", total.bytes_in);
  number("bytes_sent", total.bytes_out);
  const Store::Usage usage = service.store().usage(0);
  number("keys", usage.keys);
  number("value_bytes", usage.bytes);
  number("memory_bytes", resident_bytes());
  number("uptime_seconds", (service.store().now_ms() - service.started_ms()) / 1000);
  for (const auto& [name, value] : stats) number("engine_" + name, value);
  out.push_back('}');
  return out;
}

}  // namespace kvfs::http
