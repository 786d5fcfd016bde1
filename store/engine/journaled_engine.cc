#include "store/engine/journaled_engine.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "store/engine/file.h"
#include "store/engine/recovery.h"
#include "store/engine/store_parts.h"
#include "store/engine/used_chunks.h"
#include "store/patience.h"
#include "store/text.h"

namespace kvfs {
namespace {

constexpr uint64_t kSlowDownMs = 1;    // a commit's delay while the memtable is far too large
constexpr uint64_t kRoomWaitMs = 100;  // how often a waiting writer looks whether the engine failed
constexpr Sequence kForgetEach = 64;   // commits; looking at all readers each time would cost more
// Likewise, versions that were replaced: their memory is used again while the processor's caches still hold it.
constexpr uint64_t kForgetReplaced = 512;
constexpr uint64_t kSegmentDiskShare = 64;
constexpr size_t kHollowFrom = 50'000;   // tombstones
constexpr uint64_t kOrderEach = 50'000;  // new keys: so many may be left for a reader to put in order

class ReadingLease {
 public:
  explicit ReadingLease(ReadingPool& pool) : pool_(pool), reading_(pool.take()) {}
  ~ReadingLease() { pool_.put_back(std::move(reading_)); }
  ReadingLease(const ReadingLease&) = delete;
  ReadingLease& operator=(const ReadingLease&) = delete;
  const Reading& operator*() const { return *reading_; }

 private:
  ReadingPool& pool_;
  std::unique_ptr<Reading> reading_;
};

/// Of a small disk the journal, which always holds two or three segments, takes a small part.
uint64_t segment_bytes_on(const std::string& path) {
  const JournalOptions journal;
  const uint64_t disk = disk_bytes(path);
  if (disk == 0) return journal.segment_bytes;
  const uint64_t share = disk / kSegmentDiskShare / kBasePageBytes * kBasePageBytes;
  return std::clamp(share, journal.segment_bytes_min, journal.segment_bytes);
}

}  // namespace

JournaledEngine::JournaledEngine(EngineOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<JournaledEngine>> JournaledEngine::open(const EngineOptions& options) {
  std::unique_ptr<JournaledEngine> engine(new JournaledEngine(options));
  if (auto opened = engine->open_files(); !opened) return opened.error();
  engine->start();
  return engine;
}

Result<void> JournaledEngine::open_files() {
  auto lock = StoreLock::acquire(options_.path);
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  if (auto there = require_base(options_.path); !there) return there;
  auto base = Base::open(options_.path + "/base");
  if (!base) return base.error();
  base_ = std::move(*base);
  if (options_.salvage)
    if (auto left = leave_out_damaged_rows(); !left) return left;
  if (base_->sequence() != 0 && !options_.salvage && !options_.open_directory) {
    if (auto there = require_journal_and_chunks(options_.path); !there) return there;
  }
  const auto open_part = [this](const char* name) {
    const std::string path = options_.path + name;
    return options_.open_directory ? options_.open_directory(path) : open_directory(path);
  };
  auto chunk_directory = open_part("/chunks");
  if (!chunk_directory) return chunk_directory.error();
  auto chunks = ChunkLog::open(std::move(*chunk_directory), readers_, visible_);
  if (!chunks) return chunks.error();
  chunks_ = std::move(*chunks);
  std::error_code ignored;
  (void)std::filesystem::remove(options_.path + "/RESERVE", ignored);           // stores once kept their reserve there
  (void)std::filesystem::remove_all(options_.path + "/base.compact", ignored);  // of a compaction that was interrupted
  // What a killed process left in the page cache must be durable before anything is built on it.
  if (auto synced = chunks_->sync(); !synced) return synced;
  segment_bytes_ = segment_bytes_on(options_.path);
  RecoveryOptions recovery;
  recovery.open_directory = [&] { return open_part("/journal"); };
  recovery.memtable_entries_max = options_.memtable_entries_max;
  recovery.memtable_bytes_max = options_.memtable_bytes_max;
  recovery.salvage = options_.salvage;
  recovery.notice = options_.notice;
  recovery.segment_bytes = segment_bytes_;
  auto recovered = recover(recovery, *base_, *chunks_);
  if (!recovered) return recovered.error();
  if (recovered->last < chunks_->closed_at()) {
    const std::string missing = options_.path + "/journal: commits " + std::to_string(recovered->last + 1) + " to " +
                                std::to_string(chunks_->closed_at()) +
                                " are missing, which were there when it was closed";
    if (!options_.salvage) return Error{Errc::corrupt, missing + "; salvage does without"};
    notice("salvage: " + missing);
  }
  if (auto begun = chunks_->begin(); !begun) return begun;
  journal_ = std::move(recovered->journal);
  active_ = std::move(recovered->memtable);
  visible_ = durable_ = unnoted_chunks_ = recovered->last;
  return {};
}

Result<void> JournaledEngine::leave_out_damaged_rows() {
  const auto rows = base_->check_rows();
  if (!rows) return rows.error();
  for (const std::string& key : rows->damaged)
    notice("salvage: " + options_.path + "/base: row " + printable(key) + " is damaged and left out");
  if (rows->missing != 0)
    notice("salvage: " + options_.path + "/base: " + std::to_string(rows->missing) + " rows cannot be found any more");
  return rows->damaged.empty() ? Result<void>() : base_->remove_damaged_rows();
}

void JournaledEngine::start() {
  readings_ = std::make_unique<ReadingPool>(*base_, readers_, visible_);
  Layers layers;
  layers.active = active_;
  layers.base_id = Base::View(*base_).id();
  readings_->install(std::move(layers));
  if (active_->entries() != 0) active_since_ms_ = coarse_now_ms();
  SpaceGuard::Uses uses;
  uses.used = [this] { return bytes_used(); };
  // Not all of what is free: readers may still see it, and it may lie in pieces.
  uses.reusable = [this] { return base_->usage().free_bytes / 2; };
  uses.mappable = [this] {
    const lmdb::Usage base = base_->usage();
    return base.map_bytes - std::min(base.map_bytes, base.file_bytes);
  };
  uses.reserved = [this] { return base_->reserved_bytes(); };
  uses.reserve = [this](uint64_t bytes) { return base_->reserve(bytes); };
  space_ =
      std::make_unique<SpaceGuard>(options_.path, options_.max_size_bytes, options_.reserve_bytes, std::move(uses));
  chunks_->limit_by([this](uint64_t bytes) {
    return space_->plenty_for(bytes) ? Result<void>() : admit(static_cast<int64_t>(bytes));
  });
  // What was measured includes free pages of the base, which are no room for chunks.
  chunks_->make_room_by([this] { return !released_.empty() && sync(); });
  order_from_ = kOrderEach;
  const auto task = [this](std::function<uint64_t()> run) {
    return std::make_unique<BackgroundTask>(std::move(run), [this](const std::exception& e) {
      notice(std::string("tried again in a while: ") + e.what());
    });
  };
  orderer_ = task([this] {
    readings_->layers()->active->put_in_order();
    return BackgroundTask::kNever;
  });
  checkpointer_ = task([this] { return run_checkpointer(); });
  syncer_ = task([this] { return run_syncer(); });
  acknowledger_ = task([this] { return run_acknowledger(); });
}

JournaledEngine::~JournaledEngine() {
  acknowledger_.reset();
  syncer_.reset();
  checkpointer_.reset();
  orderer_.reset();
  if (readings_ == nullptr) return;  // it never started
  run_acknowledger();
  // What fails here was never promised, or is found again when opening.
  if (!sync()) return;
  if (!released_.empty()) return;
  if (chunks_->close_cleanly(visible_.load())) (void)journal_->close();
}

std::unique_ptr<Snapshot> JournaledEngine::snapshot() {
  return std::make_unique<JournaledSnapshot>(*readings_, readings_->take());
}

Result<Sequence> JournaledEngine::transact(const Body& body, const CommitOptions& options) {
  Commit commit;
  {
    std::unique_lock lock(commit_mutex_);
    if (auto room = wait_for_room_locked(lock); !room) return room.error();
    const ReadingLease reading(*readings_);
    writes_.clear();
    JournaledTransaction txn(*reading, visible_.load(), writes_, options_.durability);
    if (auto done = body(txn); !done) return done.error();
    auto committed = commit_locked(txn.durability(), *reading, options);
    if (!committed) return committed.error();
    commit = *committed;
    order_ahead_locked();
    try {
      freeze_if_full_locked();
    } catch (const std::exception&) {  // no memory: the commit stands, and the next one tries again
    }
  }
  if (commit.sync_first) {
    counters_.commits_synced.fetch_add(1, std::memory_order_relaxed);
    if (options.awaits_sync != nullptr) {
      *options.awaits_sync = commit.sequence;
      return commit.sequence;
    }
    if (auto synced = sync_commits(); !synced) return synced.error();
  }
  return commit.sequence;
}

Result<JournaledEngine::Commit> JournaledEngine::commit_locked(const Durability& durability, const Reading& reading,
                                                               const CommitOptions& options) {
  Commit commit;
  commit.sequence = visible_.load();
  if (!writes_.empty()) {
    if (auto admitted = admit_locked(reading); !admitted) return admitted.error();
    commit.sequence += 1;
    if (auto appended = append_locked(commit.sequence, reading); !appended) return appended.error();
    chunks_->adopt(writes_.used);
  }
  try {
    publish_locked(commit, durability, options);
  } catch (const std::exception& e) {
    // What is in the journal and not, or not wholly, in memory or in the feed would contradict what comes after it.
    if (!writes_.empty()) turn_read_only(e);
    throw;
  }
  return commit;
}

void JournaledEngine::publish_locked(Commit& commit, const Durability& durability, const CommitOptions& options) {
  if (!writes_.empty()) {
    // It stands in the journal, so that it has to come about: memory that there is none of now is waited for.
    for (const auto& [key, change, hash] : writes_.changes())
      with_patience([&, row = key, key_hash = hash, &to = change] {
        active_->add(commit.sequence, row, key_hash, to.value, to.erased);
      });
    active_journal_bytes_ += batch_.bytes();
    if (!writes_.released.empty()) with_patience([&] { released_.add(commit.sequence, std::move(writes_.released)); });
    visible_ = commit.sequence;
    if (commit.sequence % kForgetEach == 0 || active_->replaced() - forgotten_at_ >= kForgetReplaced)
      forget_old_versions_locked();
    const uint64_t now_ms = coarse_now_ms();
    if (active_since_ms_ == 0) active_since_ms_ = now_ms;
    const SyncTracker::Demand demand =
        with_patience([&] { return tracker_.committed(commit.sequence, durability, now_ms); });
    commit.sync_first = demand.now || durability.mode == Durability::Mode::strict;
    if (demand.sooner) syncer_->wake();
    counters_.commits.fetch_add(1, std::memory_order_relaxed);
  }
  if (options.on_commit) options.on_commit(commit.sequence);
}

Result<void> JournaledEngine::admit(int64_t bytes) {
  auto admitted = space_->admit(bytes);
  if (admitted || released_.empty() || !sync()) return admitted;
  return space_->admit(bytes);
}

Result<void> JournaledEngine::admit_locked(const Reading& reading) {
  uint64_t bytes = 0;
  for (const auto& [key, change, hash] : writes_.changes()) bytes += key.size() + change.value.size();
  if (space_->plenty_for(bytes)) return {};
  int64_t growth = 0;
  for (const auto& [key, change, hash] : writes_.changes()) {
    if (!change.erased) growth += static_cast<int64_t>(key.size() + change.value.size());
    if (const auto old = reading.get(key, hash, visible_.load()))
      growth -= static_cast<int64_t>(key.size() + old->size());
  }
  for (const ChunkRef& ref : writes_.released) growth -= static_cast<int64_t>(ref.length);
  auto admitted = admit(growth);
  if (!admitted) {
    // What was deleted gives its space back with the next checkpoint.
    checkpoint_wanted_ = true;
    checkpointer_->wake();
  }
  return admitted;
}

Result<void> JournaledEngine::append_locked(Sequence sequence, const Reading& reading) {
  batch_.clear();
  for (const auto& [key, change, hash] : writes_.changes()) {
    if (change.erased) {
      batch_.erase(key);
    } else {
      batch_.put(key, change.value);
    }
  }
  for (const ChunkRef& ref : writes_.released) batch_.release_chunk(ref);
  const Sequence durable = durable_.load();
  note_used_chunks(batch_, durable, writes_.used);
  // Damage to chunks that have reached the disk must not pass for a power loss that took them, and all since.
  const bool notes_durable = writes_.used.empty() && unnoted_chunks_ != 0 && durable >= unnoted_chunks_;
  if (notes_durable) note_durable(batch_, durable);
  auto appended = journal_->append(batch_.record(), 1, sequence);
  if (!appended && appended.error().code == Errc::no_space) {
    // Fuller than it was when last measured.
    space_->measure();
    if (auto admitted = admit_locked(reading); !admitted) return admitted;
  }
  if (appended) {
    if (!writes_.used.empty()) unnoted_chunks_ = sequence;
    if (notes_durable) unnoted_chunks_ = 0;
    return {};
  }
  const Errc code = appended.error().code;
  if (code == Errc::io || code == Errc::read_only) turn_read_only(appended.error());
  return appended.error();
}

Result<void> JournaledEngine::wait_for_room_locked(std::unique_lock<std::mutex>& lock) {
  if (auto refused = refusal()) return *refused;
  if (!frozen_ || times_full_locked() < kMemtableGrowthMax / 2) return {};
  counters_.writer_stalls.fetch_add(1, std::memory_order_relaxed);
  const uint64_t since_ms = coarse_now_ms();
  room_.wait_for(lock, std::chrono::milliseconds(kSlowDownMs));
  while (frozen_ && times_full_locked() >= kMemtableGrowthMax) {
    if (fold_error_) return *fold_error_;
    if (auto refused = refusal()) return *refused;
    room_.wait_for(lock, std::chrono::milliseconds(kRoomWaitMs));
  }
  counters_.writer_stall_ms.fetch_add(coarse_now_ms() - since_ms, std::memory_order_relaxed);
  if (auto refused = refusal()) return *refused;
  return {};
}

uint64_t JournaledEngine::fold_pages_locked() const {
  const uint64_t added = active_->bytes() * 3 / 2 / kBasePageBytes + 1;  // they may be filled in part only
  return std::min<uint64_t>(active_->entries(), base_->usage().file_bytes / kBasePageBytes) + added;
}

uint64_t JournaledEngine::times_full_locked() const {
  return std::max({active_->entries() / options_.memtable_entries_max, active_->bytes() / options_.memtable_bytes_max,
                   fold_pages_locked() / options_.fold_pages_max, fold_bytes_locked() / space_->fold_bytes_max()});
}

// An iterator needs all keys in order: few of them are left for it, however large the memtable.
void JournaledEngine::order_ahead_locked() {
  if (active_->entries() < order_from_) return;
  order_from_ = active_->entries() + kOrderEach;
  orderer_->wake();
}

void JournaledEngine::forget_old_versions_locked() {
  // A reader that enters from now on is at the newest commit or later.
  active_->forget_before(std::min(readers_.oldest(), visible_.load()));
  forgotten_at_ = active_->replaced();
}

void JournaledEngine::freeze_if_full_locked() {
  const bool full = times_full_locked() != 0 || active_journal_bytes_ >= options_.journal_bytes_max;
  // Readers pass over each tombstone; in the base there are none.
  const bool hollow = active_->tombstones() >= kHollowFrom && active_->tombstones() > active_->entries() / 2;
  if ((full || hollow) && freeze_locked()) checkpointer_->wake();
}

bool JournaledEngine::freeze_locked() {
  if (frozen_ || visible_.load() == base_->sequence()) return false;
  const auto before = readings_->layers();
  Layers layers;
  layers.frozen = active_;
  layers.frozen_last = visible_.load();
  layers.base_id = before->base_id;
  layers.active = std::make_shared<Memtable>(options_.memtable_entries_max);
  auto active = layers.active;
  readings_->install(std::move(layers));
  active_ = std::move(active);
  active_since_ms_ = 0;
  active_journal_bytes_ = 0;
  forgotten_at_ = 0;
  order_from_ = kOrderEach;
  frozen_ = true;
  journal_->rotate();
  return true;
}

Result<void> JournaledEngine::sync_commits() {
  std::unique_lock lock(sync_mutex_);
  const Sequence wanted = visible_.load();
  for (;;) {
    if (auto refused = refusal()) return *refused;
    if (durable_.load() >= wanted) return {};
    if (!syncing_) break;
    synced_.wait(lock);
  }
  syncing_ = true;
  lock.unlock();
  Result<void> done;
  try {
    done = sync_files();
  } catch (const std::exception&) {
    done = out_of_memory();  // nothing is known to be durable that was not before
  }
  lock.lock();
  syncing_ = false;
  synced_.notify_all();
  return done;
}

Result<void> JournaledEngine::sync_files() {
  // Read first: of later commits the journal may become durable now, their chunks need not.
  const Sequence covered = visible_.load();
  tracker_.sync_begins();
  Result<void> done = chunks_->sync();
  if (done) done = journal_->sync();
  if (!done) {
    turn_read_only(done.error());
    return done;
  }
  const uint64_t group = covered - durable_.exchange(covered);
  if (group > counters_.sync_group_max.load(std::memory_order_relaxed)) counters_.sync_group_max = group;
  tracker_.synced(covered);
  return {};
}

Result<void> JournaledEngine::sync() {
  auto synced = sync_commits();
  if (synced) reclaim();
  return synced;
}

void JournaledEngine::reclaim() {
  if (released_.empty()) return;
  chunks_->release(released_.take(durable_.load(), readers_.oldest()));
}

void JournaledEngine::turn_read_only(const Error& reason) {
  chunks_->freeze();  // first: whoever is told of the failure gives back chunks that rows may refer to
  {
    const std::lock_guard lock(failure_mutex_);
    if (failure_) return;
    failure_.emplace(Error{Errc::read_only, {}});  // also where there is no memory to say why
    read_only_ = true;
    try {
      failure_->detail = "the store takes no writes since an error: " + reason.message();
    } catch (const std::exception&) {
    }
  }
  notice("the store takes no writes any more: " + reason.message());
}

void JournaledEngine::turn_read_only(const std::exception& invisible) {
  Error reason{Errc::io, {}};
  try {
    reason.detail = std::string("a commit was written, but not made visible: ") + invisible.what();
  } catch (const std::exception&) {  // it must end writing all the same
  }
  turn_read_only(reason);
}

std::optional<Error> JournaledEngine::refusal() const {
  if (!read_only_.load()) return std::nullopt;
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

void JournaledEngine::notice(const std::string& text) const {
  try {
    if (options_.notice) options_.notice(text);
  } catch (const std::exception&) {  // there is no memory to tell it
  }
}

// So short that it needs no memory.
Error JournaledEngine::out_of_memory() { return {Errc::limit_reached, "out of memory"}; }

uint64_t JournaledEngine::bytes_used() const {
  const lmdb::Usage base = base_->usage();
  return base.file_bytes - base.free_bytes + chunks_->bytes_used() + journal_->bytes_live();
}

SpaceUse JournaledEngine::space() const {
  SpaceUse use;
  use.bytes_used = bytes_used();
  use.bytes_max = use.bytes_used + base_->usage().free_bytes + space_->disk_free_bytes();
  if (options_.max_size_bytes != 0) use.bytes_max = std::min(use.bytes_max, options_.max_size_bytes);
  return use;
}

}  // namespace kvfs
