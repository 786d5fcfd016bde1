#include "daemon/options.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/config_value.h"

namespace kvfs {

namespace {

double seconds(uint64_t milliseconds) { return static_cast<double>(milliseconds) / 1000.0; }

bool allow_other(const Config& config) {
  const std::string choice = config.text("mount", "allow_other");
  return choice == "yes" || (choice == "auto" && ::geteuid() == 0);
}

/// 0: none.
uint64_t smaller_limit(uint64_t a, uint64_t b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

}  // namespace

StoreOptions store_options(const Config& config) {
  StoreOptions options;
  options.engine.kind = config.text("store", "engine");
  options.engine.path = config.text("store", "path");
  options.engine.durability = parse_durability(config.text("store", "fsync")).value();
  options.engine.max_size_bytes = config.size("store", "max_size");
  options.engine.reserve_bytes = config.size("store", "reserve");
  options.engine.memtable_entries_max = static_cast<uint64_t>(config.integer("store", "memtable_rows_max"));
  options.engine.memtable_bytes_max = config.size("store", "memtable_size_max");
  options.engine.fold_pages_max = static_cast<uint64_t>(config.integer("store", "checkpoint_pages_max"));
  options.engine.journal_bytes_max = config.size("store", "journal_size_max");
  options.engine.checkpoint_interval_ms = config.duration_ms("store", "checkpoint_interval");
  options.engine.salvage = config.boolean("store", "salvage");
  options.engine.notice = [](const std::string& said) { spdlog::warn("{}", said); };
  options.feed_capacity = static_cast<size_t>(config.integer("store", "feed_changes_max"));
  options.expiry_interval_ms = config.duration_ms("store", "expiry_interval");
  options.expiry_batch_max = static_cast<size_t>(config.integer("store", "expiry_batch_max"));
  options.trash.keep_ms = config.duration_ms("trash", "keep");
  options.trash.bytes_max = config.size("trash", "max_size");
  options.trash.keys_max = static_cast<uint64_t>(config.integer("trash", "max_keys"));
  options.keep_tombstones = config.boolean("store", "keep_tombstones");
  const auto count = [&](std::string_view key) { return static_cast<size_t>(config.integer("store", key)); };
  options.eviction.policy = parse_eviction_policy(config.text("store", "eviction_policy")).value();
  options.eviction.samples = count("eviction_samples");
  options.eviction.keys_max = count("max_keys");
  options.eviction.history_bytes_max = config.size("store", "access_history_max");
  options.eviction.interval_ms = config.duration_ms("store", "eviction_interval");
  options.cached_paths_max = count("directory_cache_max");
  options.cached_names_max = count("name_cache_max");
  options.pressure.stalled_percent_max = count("memory_stalled_max");
  options.pressure.available_percent_min = count("memory_available_min");
  return options;
}

SnapshotOptions snapshot_options(const Config& config) {
  SnapshotOptions options;
  options.count_max = static_cast<size_t>(config.integer("store", "snapshots_max"));
  options.lease_ms_default = config.duration_ms("store", "snapshot_lease");
  options.lease_ms_max = config.duration_ms("store", "snapshot_lease_max");
  return options;
}

MountOptions mount_options(const Config& config, const std::string& mount_point) {
  MountOptions options;
  options.mount_point = mount_point;
  options.source = config.text("mount", "source");
  options.allow_other = allow_other(config);
  options.read_only = config.boolean("mount", "read_only");
  options.fuse_options = config.list("mount", "options");
  options.loop.threads_max = static_cast<unsigned>(config.integer("mount", "threads"));
  const std::string io_uring = config.text("mount", "io_uring");
  options.io_uring = io_uring == "yes" ? IoUring::yes : io_uring == "no" ? IoUring::no : IoUring::automatic;
  // fusermount3 looks for one error of a mount whose daemon has died, which over io_uring is another one for a while.
  const bool unmounts_itself =
      std::find(options.fuse_options.begin(), options.fuse_options.end(), "auto_unmount") != options.fuse_options.end();
  if (unmounts_itself && options.io_uring == IoUring::automatic) options.io_uring = IoUring::no;
  options.read_ahead_bytes = config.size("mount", "read_ahead");
  auto& files = options.filesystem;
  files.entry_timeout_s = seconds(config.duration_ms("mount", "entry_timeout"));
  files.attribute_timeout_s = seconds(config.duration_ms("mount", "attribute_timeout"));
  files.negative_timeout_s = seconds(config.duration_ms("mount", "negative_timeout"));
  files.direct_io_writes = config.boolean("mount", "direct_io_writes");
  files.acls = config.boolean("mount", "acl");
  const auto& passed_on = options.fuse_options;
  files.keeps_access_times =
      !options.read_only && std::find(passed_on.begin(), passed_on.end(), "noatime") == passed_on.end();
  if (const int64_t uid = config.integer("mount", "uid"); uid >= 0) files.shown_uid = static_cast<uid_t>(uid);
  if (const int64_t gid = config.integer("mount", "gid"); gid >= 0) files.shown_gid = static_cast<gid_t>(gid);
  if (const std::string umask = config.text("mount", "umask"); !umask.empty())
    files.shown_umask = parse_mode(umask).value() & 0777;
  files.staging.memory_per_file_bytes_max = config.size("mount", "staged_memory_per_file_max");
  files.staging.memory_total_bytes_max = config.size("mount", "staged_memory_max");
  files.staging.publish_bytes = config.size("mount", "publish_size");
  files.transactions.lease_ms = config.duration_ms("mount", "transaction_lease");
  files.transactions.count_max = static_cast<size_t>(config.integer("mount", "transactions_max"));
  files.transactions.keys_max = static_cast<size_t>(config.integer("mount", "transaction_keys_max"));
  files.transactions.bytes_max = config.size("mount", "transaction_size_max");
  files.events_bytes_max = config.size("mount", "events_size_max");
  files.channel_bytes_max = config.size("mount", "channel_size_max");
  return options;
}

Result<void> apply_tenants(const Config& config, Store& store) {
  for (const std::string& name : config.tenants()) {
    const std::string section = Config::tenant_section(name);
    const auto uid = static_cast<uint32_t>(config.integer(section, "uid"));
    const auto gid = static_cast<uint32_t>(config.integer(section, "gid"));
    const auto tenant = store.ensure_tenant(name, uid, gid);
    if (!tenant) return tenant.error();
    Settings wanted;
    wanted.quota_bytes = smaller_limit(config.size(section, "quota_bytes"), config.size(section, "max_size"));
    wanted.quota_keys = smaller_limit(static_cast<uint64_t>(config.integer(section, "quota_keys")),
                                      static_cast<uint64_t>(config.integer(section, "max_keys")));
    if (const std::string policy = config.text(section, "eviction_policy"); policy != "store")
      wanted.eviction = parse_eviction_policy(policy).value();
    wanted.eviction_samples = static_cast<uint64_t>(config.integer(section, "eviction_samples"));
    if (const std::string keep = config.text(section, "trash_keep"); keep != "store")
      wanted.trash_keep_ms = parse_duration_ms(keep).value();
    wanted.trash_bytes = config.size(section, "trash_max_size");
    wanted.trash_keys = static_cast<uint64_t>(config.integer(section, "trash_max_keys"));
    const auto changed = store.write([&](WriteTxn& txn) -> Result<void> {
      Settings settings = settings_of(txn, *tenant);
      wanted.fsync = settings.fsync;
      wanted.require_preconditions = settings.require_preconditions;
      if (settings == wanted) return {};
      settings = wanted;
      set_settings(txn, *tenant, settings);
      return {};
    });
    if (!changed) return changed.error();
  }
  return {};
}

}  // namespace kvfs
