#include "respbridge/info.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "respbridge/commands.h"
#include "respbridge/config_texts.h"
#include "respbridge/memory_config.h"
#include "respbridge/process_memory.h"
#include "respbridge/service.h"
#include "store/expiring.h"

namespace kvfs::resp {

namespace {

// INFO does not take longer than counting so many; of a tenant with more it tells of those that expire next.
constexpr uint64_t kExpiringCountedMax = 100'000;

std::string human(uint64_t bytes) {
  constexpr uint64_t kKiB = 1024;
  if (bytes < kKiB) return fmt::format("{}B", bytes);
  const auto number = static_cast<double>(bytes);
  if (bytes < kKiB * kKiB) return fmt::format("{:.2f}K", number / 1024);
  if (bytes < kKiB * kKiB * kKiB) return fmt::format("{:.2f}M", number / (1024 * 1024));
  return fmt::format("{:.2f}G", number / (1024 * 1024 * 1024));
}

/// The first that the configuration names, one without TLS if there is; 0: none.
std::string tcp_port(Call& call) {
  const std::string port = call.service.config().get({"port"}).front().second;
  return port != "0" ? port : call.service.config().get({"tls-port"}).front().second;
}

std::string server_section(Call& call) {
  utsname system{};
  uname(&system);
  const uint64_t up_s = (call.service.store().now_ms() - call.service.started_ms()) / 1000;
  return fmt::format(
      "# "
      "Server\r\nredis_version:{}\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_mode:standalone\r\nkvfs_"
      "version:{}\r\nos:{} {} {}\r\narch_bits:64\r\n"
      "multiplexing_api:epoll\r\nprocess_id:{}\r\nrun_id:{}\r\nserver_time_usec:{}\r\nuptime_in_seconds:{}\r\n"
      "uptime_in_days:{}\r\ntcp_port:{}\r\nhz:10\r\nconfigured_hz:10\r\nlru_clock:{}\r\nprocess_supervised:no\r\n"
      "io_threads_active:0\r\nexecutable:kvfs\r\nconfig_file:\r\n",
      commands::kRedisVersion, call.service.hooks().version, system.sysname, system.release, system.machine, getpid(),
      call.service.run_id(), call.service.store().now_ms() * 1000, up_s, up_s / 86'400, tcp_port(call),
      call.service.store().now_ms() / 1000 & 0xFFFFFF);
}

std::string clients_section(Call& call) {
  return fmt::format(
      "# Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\nblocked_clients:{}\r\nthrottled_clients:{}\r\n"
      "tracking_clients:{}\r\ncluster_connections:0\r\nclients_in_timeout_table:0\r\n",
      call.service.clients().count(), call.service.config().connections_max(),
      call.service.statistics().blocked_clients.load(), call.service.statistics().throttled_clients.load(),
      call.service.tracking().use().clients);
}

std::string memory_section(Call& call) {
  const uint64_t bytes = resident_bytes();
  const uint64_t peak = resident_bytes_peak();
  const Store::Usage usage = tenant_usage(call);
  return fmt::format(
      "# Memory\r\nused_memory:{0}\r\nused_memory_human:{1}\r\nused_memory_rss:{0}\r\nused_memory_rss_human:{1}\r\n"
      "used_memory_peak:{10}\r\nused_memory_peak_human:{11}\r\nused_memory_dataset:{5}\r\nmaxmemory:{2}\r\nmaxmemory_"
      "human:{3}\r\n"
      "maxmemory_policy:{4}\r\nmem_fragmentation_ratio:1.00\r\nmem_allocator:libc\r\nmem_not_counted_for_evict:"
      "0\r\nlazyfree_pending_objects:0\r\nlazyfreed_objects:0\r\nactive_defrag_running:0\r\n"
      "used_memory_overhead:{6}\r\nused_memory_dataset_perc:{7:.2f}%\r\nused_memory_peak_perc:{12:.2f}%\r\n"
      "total_system_memory:{8}\r\ntotal_system_memory_human:{9}\r\nused_memory_lua:0\r\nused_memory_scripts:0\r\n"
      "number_of_cached_scripts:0\r\nnumber_of_functions:0\r\nnumber_of_libraries:0\r\nmem_clients_slaves:0\r\n"
      "mem_replication_backlog:0\r\nmem_cluster_links:0\r\n",
      bytes, human(bytes), usage.quota_bytes, human(usage.quota_bytes), to_string(usage.eviction), usage.bytes,
      bytes - std::min(bytes, usage.bytes),
      static_cast<double>(std::min(bytes, usage.bytes)) * 100 / static_cast<double>(std::max<uint64_t>(bytes, 1)),
      system_bytes(), human(system_bytes()), peak, human(peak),
      static_cast<double>(bytes) * 100 / static_cast<double>(std::max<uint64_t>(peak, 1)));
}

std::string persistence_section(Call& call) {
  return fmt::format(
      "# Persistence\r\nloading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:{}\r\nrdb_bgsave_in_progress:{}\r\n"
      "rdb_last_save_time:{}\r\nrdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\n"
      "aof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\naof_rewrite_scheduled:0\r\n"
      "aof_current_rewrite_time_sec:-1\r\naof_last_rewrite_time_sec:-1\r\nrdb_last_bgsave_time_sec:-1\r\n"
      "rdb_current_bgsave_time_sec:-1\r\nrdb_last_load_keys_expired:0\r\nrdb_last_load_keys_loaded:0\r\n"
      "module_fork_in_progress:0\r\n",
      call.service.commits_unsaved(), call.service.is_saving() ? 1 : 0, call.service.last_save_s());
}

std::string stats_section(Call& call) {
  const Statistics& counters = call.service.statistics();
  const Throughput::Rates now = call.service.throughput().rates();
  const Store::Usage usage = tenant_usage(call);
  const Tracking::Use tracking = call.service.tracking().use();
  return fmt::format(
      "# Stats\r\ntotal_connections_received:{}\r\ntotal_commands_processed:{}\r\ninstantaneous_ops_per_sec:{:.0f}\r\n"
      "total_net_input_bytes:{}\r\ntotal_net_output_bytes:{}\r\n"
      "instantaneous_input_kbps:{:.2f}\r\ninstantaneous_output_kbps:{:.2f}\r\nrejected_connections:{}\r\nexpired_keys:{"
      "}\r\n"
      "evicted_keys:{}\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\npubsub_channels:{}\r\npubsub_patterns:{}\r\n"
      "migrate_cached_sockets:0\r\ntotal_error_replies:{}\r\ntracking_total_keys:{}\r\ntracking_total_items:{}\r\n"
      "tracking_total_prefixes:{}\r\npubsubshard_channels:{}\r\nunexpected_error_replies:0\r\nsync_full:0\r\n"
      "sync_partial_ok:0\r\nsync_partial_err:0\r\nlatest_fork_usec:0\r\ntotal_forks:0\r\nevicted_clients:{}\r\n"
      "expired_stale_perc:0.00\r\nexpired_time_cap_reached_count:0\r\nslave_expires_tracked_keys:0\r\n",
      call.service.clients().accepted(), counters.commands.load(), now.commands, counters.input_bytes.load(),
      counters.output_bytes.load(), now.input_bytes / 1024, now.output_bytes / 1024,
      counters.rejected_connections.load(), usage.expired, usage.evicted, counters.keyspace_hits.load(),
      counters.keyspace_misses.load(), call.service.store().channels().active(call.client.identity.tenant, "").size(),
      call.service.store().channels().patterns(call.client.identity.tenant),
      call.service.command_statistics().errors_total(), tracking.keys, tracking.items, tracking.prefixes,
      call.service.store().channels().active(shard_space(call.client.identity.tenant), "").size(),
      counters.evicted_clients.load());
}

std::string command_statistics_section(Call& call) {
  std::string out = "# Commandstats\r\n";
  for (const CommandSpec& spec : command_table()) {
    const CommandStatistics::Reading reading = call.service.command_statistics().read(spec);
    if (reading.calls.count + reading.rejected == 0) continue;
    const double us = static_cast<double>(reading.calls.sum_ns) / 1000;
    const auto calls = static_cast<double>(std::max<uint64_t>(reading.calls.count, 1));
    out += fmt::format("cmdstat_{}:calls={},usec={:.0f},usec_per_call={:.2f},rejected_calls={},failed_calls={}\r\n",
                       spec.name, reading.calls.count, us, us / calls, reading.rejected, reading.failed);
  }
  return out;
}

/// The bound of the bucket that holds this share of the calls.
uint64_t percentile_us(const LatencySeries::Reading& reading, double share) {
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(reading.count))));
  uint64_t met = 0;
  for (size_t i = 0; i < kLatencyBoundsUs.size(); ++i)
    if ((met += reading.buckets[i]) >= wanted) return kLatencyBoundsUs[i];
  return kLatencyBoundsUs.back();
}

std::string latency_statistics_section(Call& call) {
  std::string out = "# Latencystats\r\n";
  if (!call.service.config().tracks_latency()) return out;
  const std::vector<double> percentiles = call.service.config().latency_percentiles();
  for (const CommandSpec& spec : command_table()) {
    const LatencySeries::Reading calls = call.service.command_statistics().read(spec).calls;
    if (calls.count == 0) continue;
    out += fmt::format("latency_percentiles_usec_{}:", spec.name);
    for (size_t i = 0; i < percentiles.size(); ++i)
      out += fmt::format("{}p{}={:.3f}", i == 0 ? "" : ",", format_percentile(percentiles[i]),
                         static_cast<double>(percentile_us(calls, percentiles[i] / 100)));
    out += "\r\n";
  }
  return out;
}

std::string replication_section(Call& call) {
  return fmt::format(
      "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n"
      "master_replid:{}\r\nmaster_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\nsecond_"
      "repl_offset:-1\r\nrepl_backlog_active:0\r\n"
      "repl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n",
      call.service.run_id());
}

std::string cpu_section(Call&) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return fmt::format("# CPU\r\nused_cpu_sys:{}.{:06}\r\nused_cpu_user:{}.{:06}\r\n", used.ru_stime.tv_sec,
                     used.ru_stime.tv_usec, used.ru_utime.tv_sec, used.ru_utime.tv_usec);
}

std::string modules_section(Call&) { return "# Modules\r\n"; }
std::string errors_section(Call& call) {
  std::string out = "# Errorstats\r\n";
  for (const auto& [code, count] : call.service.command_statistics().errors())
    out += fmt::format("errorstat_{}:count={}\r\n", code, count);
  return out;
}
std::string cluster_section(Call&) { return "# Cluster\r\ncluster_enabled:0\r\n"; }

std::string keyspace_section(Call& call) {
  std::string out = "# Keyspace\r\n";
  const auto list = [&](const ReadTxn& txn) {
    const Result<DirId> tenant = find_tenant(txn, call.client.identity.tenant);
    if (!tenant) return;
    const std::map<DirId, ExpiringValues> expiring = expiring_values(txn, *tenant, kExpiringCountedMax);
    for (uint32_t n = 0; n < call.service.options().databases; ++n) {
      const Result<Entry> entry = find_entry(txn, {*tenant, call.service.collection_name(n), true});
      if (!entry || entry->keys == 0) continue;
      const auto found = expiring.find(entry->inode);
      const ExpiringValues values = found != expiring.end() ? found->second : ExpiringValues();
      out += fmt::format("db{}:keys={},expires={},avg_ttl={}\r\n", n, entry->keys, values.count,
                         values.left_ms / std::max<uint64_t>(values.count, 1));
    }
  };
  if (call.scope.reader != nullptr)
    list(*call.scope.reader);
  else
    call.service.store().read(list);
  return out;
}

struct Section {
  std::string_view name;
  bool by_default;
  std::string (*text)(Call&);
};
constexpr Section kSections[] = {
    {"server", true, server_section},
    {"clients", true, clients_section},
    {"memory", true, memory_section},
    {"persistence", true, persistence_section},
    {"stats", true, stats_section},
    {"replication", true, replication_section},
    {"cpu", true, cpu_section},
    {"modules", true, modules_section},
    {"errorstats", true, errors_section},
    {"cluster", true, cluster_section},
    {"commandstats", false, command_statistics_section},
    {"latencystats", false, latency_statistics_section},
    {"keyspace", true, keyspace_section},
};

}  // namespace

std::string info_text(Call& call, const std::set<std::string, std::less<>>& sections) {
  const bool all = sections.contains("all") || sections.contains("everything");
  const bool usual = sections.empty() || sections.contains("default");
  std::string out;
  for (const Section& section : kSections) {
    if (!all && !(usual && section.by_default) && !sections.contains(section.name)) continue;
    if (!out.empty()) out += "\r\n";
    out += section.text(call);
  }
  return out;
}

}  // namespace kvfs::resp
