#include "store/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <utility>

#include "store/byte_order.h"
#include "store/trash_rows.h"
#include "store/tree_rows.h"

namespace kvfs {

namespace {

uint64_t system_clock_ns() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

Result<uint64_t> load_number(const Snapshot& rows, std::string_view name) {
  const auto row = rows.get(meta_row(name));
  if (!row) return uint64_t{0};
  FieldReader in(*row);
  const auto number = in.take<uint64_t>();
  if (in.failed() || !in.rest().empty()) return {Errc::corrupt, fmt::format("the '{}' row is malformed", name)};
  return number;
}

/// Never 0, which stands for changes made before replicas had numbers.
ReplicaId draw_replica(std::random_device& random) { return std::uniform_int_distribution<ReplicaId>(1)(random); }

/// Passes every chunk that a row refers to.
Result<void> keep_chunks(const Snapshot& rows, const ChunkStore::Keep& keep) {
  const std::string prefix(1, static_cast<char>(Table::chunk));
  const auto cursor = rows.cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    const Result<ChunkRef> ref = decode_chunk_row(cursor->value());
    if (!ref) return ref.error();
    keep(*ref);
  }
  return {};
}

}  // namespace

Store::Store(const StoreOptions& options) : options_(options) {
  if (!options_.clock_ns) options_.clock_ns = system_clock_ns;
}

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  std::unique_ptr<Store> store(new Store(options));
  Result<std::unique_ptr<Engine>> engine = open_engine(options.engine);
  if (!engine) return engine.error();
  store->engine_ = std::move(*engine);
  const EvictionOptions& eviction = options.eviction;
  const RuntimeOptions memory{eviction.policy, eviction.keys_max, eviction.history_bytes_max, options.cached_paths_max,
                              options.cached_names_max};
  store->runtime_ = std::make_unique<Runtime>(store->engine_->chunks(), store->options_.clock_ns, memory);
  store->runtime_->keep_tombstones(options.keep_tombstones);
  store->set_trash(options.trash);
  if (Result<void> ok = store->load(); !ok) return ok.error();
  store->feed_ = std::make_unique<Feed>(options.feed_capacity, store->runtime_->last_version());
  if (Result<void> ok = store->remove_orphans(); !ok) return ok.error();
  store->evictor_ = std::make_unique<Evictor>(*store, eviction);
  if (options.expiry_interval_ms != 0)
    store->sweeper_ = std::thread([raw = store.get()] { raw->sweep_until_stopped(); });
  return store;
}

Store::~Store() {
  {
    const std::lock_guard lock(sweep_mutex_);
    stopping_ = true;
  }
  sweep_wake_.notify_all();
  if (sweeper_.joinable()) sweeper_.join();
  evictor_.reset();
  if (feed_) feed_->close();
  if (engine_) (void)engine_->sync();
}

Result<void> Store::load() {
  const std::unique_ptr<Snapshot> rows = engine_->snapshot();
  const Result<uint64_t> format = load_number(*rows, "format");
  const Result<uint64_t> clock = load_number(*rows, "clock");
  const Result<uint64_t> inodes = load_number(*rows, "inodes");
  const Result<uint64_t> replica = load_number(*rows, "replica");
  if (!format) return format.error();
  if (!clock) return clock.error();
  if (!inodes) return inodes.error();
  if (!replica) return replica.error();
  if (*format > kRowsFormat)
    return {Errc::corrupt,
            fmt::format("the store has format {}; this kvfs knows formats up to {}", *format, kRowsFormat)};
  runtime_->load_leases(*clock, *inodes);
  std::random_device random;
  runtime_->load_replica(*replica != 0 ? static_cast<ReplicaId>(*replica) : draw_replica(random),
                         uint64_t{random()} << 32 | random());
  const ReadTxn txn(*runtime_, *rows, now_ms(), cache_generation());
  for (const CollectionInfo& tenant : list_tenants(txn)) runtime_->load_usage(tenant.id, {tenant.keys, tenant.bytes});
  const std::string prefix(1, static_cast<char>(Table::settings));
  const auto cursor = rows->cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    const Result<Settings> settings = decode_settings(cursor->value());
    if (!settings) return settings.error();
    if (cursor->key().size() != 9) return {Errc::corrupt, "a malformed settings row key"};
    runtime_->load_settings(load_be64(cursor->key().data() + 1), *settings);
  }
  load_trash(*rows);
  if (engine_->chunks().unclean())
    if (Result<void> ok =
            engine_->chunks().retain_only([&](const ChunkStore::Keep& keep) { return keep_chunks(*rows, keep); });
        !ok)
      return ok;
  if (*format == kRowsFormat && *replica != 0) return {};
  const Result<Sequence> made = engine_->transact([&](Transaction& rows_of_new) -> Result<void> {
    std::string value;
    append_le(value, kRowsFormat);
    rows_of_new.put(meta_row("format"), value);
    value.clear();
    append_le(value, uint64_t{runtime_->replica()});
    rows_of_new.put(meta_row("replica"), value);
    return {};
  });
  if (!made) return made.error();
  return {};
}

void Store::load_trash(const Snapshot& rows) {
  const std::string table(1, static_cast<char>(Table::trash));
  const auto cursor = rows.cursor();
  for (cursor->seek(table); cursor->valid() && cursor->key().starts_with(table);) {
    const Result<rows::ParsedTrashRow> row = rows::parse_trash_row(cursor->key());
    if (!row) throw StoreException(row.error());
    if (row->what == rows::TrashRow::totals) {
      const Result<TrashUse> use = rows::decode_trash_totals(cursor->value());
      if (!use) throw StoreException(use.error());
      runtime_->trash().add_use(row->tenant, static_cast<int64_t>(use->keys), static_cast<int64_t>(use->bytes));
    }
    cursor->seek(prefix_end(rows::trash_prefix(row->tenant)));
  }
}

namespace {

/// The memory of the changes of this thread's last transaction.
thread_local ChangeLog spare_log;

}  // namespace

Result<void> Store::transact(const WriteBody& body, const WriteOptions& options) {
  constexpr int kTriesMax = 8;  // others may take the room that was made
  for (int tries = 1;; ++tries) {
    ChangeLog published;
    std::optional<Shortage> shortage;
    const bool last = tries == kTriesMax || !evictor_;
    const Result<void> done = commit(body, options, published, last ? nullptr : &shortage);
    feed_->tell_observers(published);
    if (done) {
      published.clear();
      spare_log = std::move(published);
      return {};
    }
    if (last || !evictor_->make_room(done.error().code, shortage)) return done.error();
  }
}

Result<void> Store::commit(const WriteBody& body, const WriteOptions& options, ChangeLog& published,
                           std::optional<Shortage>* shortage) {
  WriteTxn::Effects effects;
  const auto discard_appended = [&] {
    for (const ChunkRef& ref : effects.appended) engine_->chunks().discard(ref);
    effects.appended.clear();
  };
  CommitOptions commit;
  commit.awaits_sync = options.awaits_sync;
  bool committed = false;
  commit.on_commit = [&](Sequence) {
    committed = true;
    runtime_->committed(effects);
    feed_->publish(effects.changes);
  };
  const auto run = [&](Transaction& rows) -> Result<void> {
    discard_appended();  // of an earlier run
    if (options.durability) rows.require(*options.durability);
    const auto now_ns = static_cast<int64_t>(options_.clock_ns());
    WriteTxn txn(*runtime_, rows, static_cast<uint64_t>(now_ns) / 1'000'000, now_ns, options.origin,
                 cache_generation());
    txn.effects().changes = std::exchange(spare_log, {});
    Result<void> done;
    try {
      done = body(txn);
      if (done) done = rows::check_quota_at_end(txn);
      if (shortage != nullptr) *shortage = txn.effects().shortage;
      if (done) rows::finish(txn);
    } catch (...) {
      effects = std::move(txn.effects());
      throw;
    }
    effects = std::move(txn.effects());
    return done;
  };
  try {
    const Result<Sequence> done = engine_->transact(std::ref(run), commit);
    // A commit whose sync failed stands all the same, and others see it.
    if (committed) published = std::move(effects.changes);
    if (!done) {
      discard_appended();
      return done.error();
    }
  } catch (...) {
    discard_appended();
    throw;
  }
  return {};
}

Result<DirId> Store::ensure_tenant(std::string_view name, uint32_t uid, uint32_t gid) {
  Result<DirId> found = find_tenant(name);
  if (found || found.error().code != Errc::not_found) return found;
  return write([&](WriteTxn& txn) -> Result<DirId> {
    if (Result<DirId> present = kvfs::find_tenant(txn, name); present) return present;
    NewNode node;
    node.kind = Kind::directory;
    node.mode = 0755;
    node.uid = uid != 0 ? uid : ::geteuid();
    node.gid = gid != 0 ? gid : ::getegid();
    const Result<Entry> made = make_node(txn, kRootDir, name, node);
    if (!made) return made.error();
    return made->inode;
  });
}

Result<DirId> Store::find_tenant(std::string_view name) const {
  return read([&](const ReadTxn& txn) { return kvfs::find_tenant(txn, name); });
}

Result<DirId> Store::find_collection(DirId tenant, std::string_view name) const {
  return read([&](const ReadTxn& txn) { return kvfs::find_collection(txn, tenant, name); });
}

void Store::set_trash(const TrashOptions& options) { runtime_->trash().set_options(options); }

void Store::set_eviction(const EvictionOptions& options) {
  runtime_->set_eviction(options.policy, options.keys_max);
  evictor_->set_samples(options.samples);
}

Store::Usage Store::usage(DirId tenant) const {
  const Runtime::Usage used = runtime_->usage(tenant);
  const Settings settings = runtime_->settings(tenant);
  Usage out{used.keys, used.bytes, settings.quota_keys, settings.quota_bytes};
  if (tenant == 0) out.quota_keys = runtime_->keys_max();
  out.eviction = runtime_->eviction_policy(tenant);
  out.expired = used.expired;
  out.evicted = used.evicted;
  const TrashPolicy::Use trash = runtime_->trash().use(tenant);
  out.trash_keys = trash.keys;
  out.trash_bytes = trash.bytes;
  read([&](const ReadTxn& txn) {
    runtime_->uses().counts.each([&](DirId collection, uint64_t hits, uint64_t misses) {
      if (tenant != 0) {
        const Result<DirPathPtr> path = dir_path(txn, collection);
        if (!path || (*path)->tenant != tenant) return;
      }
      out.hits += hits;
      out.misses += misses;
    });
  });
  return out;
}

void Store::hold_inode(Inode inode, const Slot& slot) { runtime_->hold_inode(inode, slot.dir, slot.name); }

void Store::release_inode(Inode inode) {
  if (!runtime_->release_inode(inode)) return;
  // An orphan that cannot be removed now (a full disk) is removed when the store opens again.
  (void)transact([&](WriteTxn& txn) { return rows::erase_orphan(txn, inode); }, {});
}

std::pair<DirId, std::string> Store::held_slot(Inode inode) const { return runtime_->held_slot(inode); }

uint64_t Store::now_ms() const { return options_.clock_ns() / 1'000'000; }
uint64_t Store::cache_generation() const { return runtime_->cache_generation(); }

EngineStats Store::stats() const {
  EngineStats out = engine_->stats();
  const Runtime::Usage used = runtime_->usage(0);
  out.emplace_back("keys", used.keys);
  out.emplace_back("value_bytes", used.bytes);
  out.emplace_back("tenants", runtime_->tenants().size());
  out.emplace_back("last_version", runtime_->last_version());
  const Usage all = usage(0);
  out.emplace_back("keys_expired", all.expired);
  out.emplace_back("keys_evicted", all.evicted);
  out.emplace_back("trash_keys", all.trash_keys);
  out.emplace_back("trash_bytes", all.trash_bytes);
  out.emplace_back("key_hits", all.hits);
  out.emplace_back("key_misses", all.misses);
  const Runtime::CacheUse caches = runtime_->cache_use();
  out.emplace_back("directory_cache_entries", caches.paths);
  out.emplace_back("directory_cache_entries_max", caches.paths_max);
  out.emplace_back("name_cache_entries", caches.names);
  out.emplace_back("name_cache_entries_max", caches.names_max);
  out.emplace_back("access_history_bytes", runtime_->uses().history.memory_bytes());
  out.emplace_back("memory_pressure_level", evictor_ ? evictor_->pressure().level() : 0);
  const std::lock_guard lock(stats_mutex_);
  for (const auto& [owner, figures] : more_stats_)
    for (auto& figure : figures()) out.push_back(std::move(figure));
  return out;
}

void Store::add_stats(const void* owner, std::function<EngineStats()> figures) {
  const std::lock_guard lock(stats_mutex_);
  more_stats_[owner] = std::move(figures);
}

void Store::remove_stats(const void* owner) {
  const std::lock_guard lock(stats_mutex_);
  more_stats_.erase(owner);
}

}  // namespace kvfs
