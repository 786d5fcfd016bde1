// What the engine's threads do: the syncer keeps the promises of the durability policies, the acknowledger syncs for
// those who did not want to wait for it themselves, the checkpointer folds memtables into the base.
#include <algorithm>
#include <chrono>
#include <utility>

#include "store/engine/journaled_engine.h"

namespace kvfs {
namespace {

constexpr uint64_t kIdleTickMs = 10'000;
constexpr uint64_t kBusyTickMs = 1000;
constexpr uint64_t kFoldRetryMs = 1000;
constexpr uint32_t kTightSpares = 1;                     // so that what shrinks the store has a journal to go to
constexpr uint64_t kPrepareFromBytes = 4 * 1024 * 1024;  // of journal; a store that is hardly written needs no spare

uint64_t now_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace

uint64_t JournaledEngine::run_syncer() {
  if (read_only_.load()) return BackgroundTask::kNever;
  if (tracker_.due_ms() <= coarse_now_ms() && !sync_commits()) return BackgroundTask::kNever;
  reclaim();
  space_->measure();
  // Zeroed ahead of need; where it cannot be done, append() makes its file itself.
  if (journal_->bytes_live() >= std::min(kPrepareFromBytes, segment_bytes_ / 4) && !space_->tight())
    (void)journal_->prepare();
  base_->clear_stale_readers();
  const uint64_t due_ms = tracker_.due_ms();
  if (due_ms == SyncTracker::kNever) return released_.empty() ? kIdleTickMs : kBusyTickMs;
  const uint64_t now = coarse_now_ms();
  return due_ms <= now ? 1 : std::min(due_ms - now, kBusyTickMs);
}

void JournaledEngine::when_durable(Sequence sequence, DurableCallback told) {
  if (durable_.load() >= sequence) return told({});
  {
    const std::lock_guard lock(waiters_mutex_);
    waiters_.push_back({sequence, std::move(told)});
  }
  acknowledger_->wake();
}

uint64_t JournaledEngine::run_acknowledger() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(waiters_mutex_);
    waiters.swap(waiters_);
  }
  if (waiters.empty()) return BackgroundTask::kNever;
  const Result<void> done = sync_commits();
  const Sequence durable = durable_.load();
  for (const Waiter& waiter : waiters) waiter.told(waiter.sequence <= durable ? Result<void>() : done);
  return BackgroundTask::kNever;
}

uint64_t JournaledEngine::run_checkpointer() {
  for (;;) {
    if (read_only_.load()) {
      room_.notify_all();
      return BackgroundTask::kNever;
    }
    uint64_t wait_ms = BackgroundTask::kNever;
    {
      const std::lock_guard lock(commit_mutex_);
      if (!frozen_) {
        const uint64_t age_ms = active_since_ms_ == 0 ? 0 : coarse_now_ms() - active_since_ms_;
        const bool old = options_.checkpoint_interval_ms != 0 && age_ms >= options_.checkpoint_interval_ms;
        if (std::exchange(checkpoint_wanted_, false) || old) {
          freeze_locked();
        } else if (options_.checkpoint_interval_ms != 0) {
          wait_ms = active_since_ms_ == 0 ? options_.checkpoint_interval_ms : options_.checkpoint_interval_ms - age_ms;
        }
      }
      if (!frozen_) {
        folds_ended_ += 1;
        room_.notify_all();
        return wait_ms;
      }
    }
    if (!fold_frozen(*readings_->layers())) return kFoldRetryMs;
  }
}

bool JournaledEngine::fold_frozen(const Layers& layers) {
  const uint64_t begun_ms = now_ms();
  // The base must never hold what the journal could still lose, nor rows whose chunks are not on the disk.
  Result<void> done = sync_commits();
  if (done) done = base_->fold(*layers.frozen, layers.frozen_last);
  const auto full = [&] { return !done && done.error().code == Errc::no_space; };
  if (full() && journal_->drop_spares()) done = base_->fold(*layers.frozen, layers.frozen_last);
  if (!done) {
    if (done.error().code != Errc::no_space) turn_read_only(done.error());
    const std::lock_guard lock(commit_mutex_);
    if (!fold_error_) notice("checkpoint failed: " + done.error().message());
    fold_error_ = done.error();
    folds_ended_ += 1;
    room_.notify_all();
    return false;
  }
  // The journal poisons itself where this fails for good; the next commit reports that.
  (void)journal_->release(layers.frozen_last);
  if (space_->tight()) (void)journal_->drop_spares(kTightSpares);
  installed_fold(layers, Base::View(*base_).id());
  const uint64_t took_ms = now_ms() - begun_ms;
  counters_.checkpoints += 1;
  counters_.checkpoint_ms_last = took_ms;
  counters_.checkpoint_ms_max = std::max(counters_.checkpoint_ms_max.load(), took_ms);
  space_->measure();
  return true;
}

void JournaledEngine::installed_fold(const Layers& folded, uint64_t base_id) {
  const std::lock_guard lock(commit_mutex_);
  Layers layers;
  layers.active = folded.active;
  layers.base_id = base_id;
  readings_->install(std::move(layers));
  frozen_ = false;
  fold_error_.reset();
  folds_ended_ += 1;
  room_.notify_all();
}

Result<void> JournaledEngine::checkpoint() {
  std::unique_lock lock(commit_mutex_);
  const Sequence target = visible_.load();
  while (base_->sequence() < target) {
    if (auto refused = refusal()) return *refused;
    const uint64_t folds_before = folds_ended_;
    checkpoint_wanted_ = true;
    checkpointer_->wake();
    room_.wait(lock, [&] { return folds_ended_ != folds_before || read_only_.load(); });
    if (fold_error_) return *fold_error_;
  }
  return {};
}

EngineStats JournaledEngine::stats() const {
  const lmdb::Usage base = base_->usage();
  const auto layers = readings_->layers();
  const Memtable* frozen = layers->frozen.get();
  return {{"sequence", visible_.load()},
          {"durable_sequence", durable_.load()},
          {"commits", counters_.commits.load()},
          {"commits_synced", counters_.commits_synced.load()},
          {"sync_group_max", counters_.sync_group_max.load()},
          {"unsynced_operations", tracker_.operations()},
          {"oldest_unsynced_age_ms", tracker_.oldest_age_ms(coarse_now_ms())},
          {"journal_bytes", journal_->bytes_live()},
          {"journal_disk_bytes", journal_->bytes_on_disk()},
          {"journal_syncs", journal_->syncs()},
          {"memtable_entries", layers->active->entries() + (frozen != nullptr ? frozen->entries() : 0)},
          {"memtable_bytes", layers->active->bytes() + (frozen != nullptr ? frozen->bytes() : 0)},
          {"checkpoints", counters_.checkpoints.load()},
          {"checkpoint_sequence", base_->sequence()},
          {"checkpoint_last_ms", counters_.checkpoint_ms_last.load()},
          {"checkpoint_max_ms", counters_.checkpoint_ms_max.load()},
          {"base_rows", Base::View(*base_).rows()},
          {"base_bytes", base.file_bytes},
          {"base_free_bytes", base.free_bytes},
          {"base_map_bytes", base.map_bytes},
          {"chunk_bytes", chunks_->bytes_used()},
          {"chunk_segments", chunks_->segments()},
          {"readers_active", readers_.active()},
          {"oldest_reader_age_ms", readers_.oldest_age_ms()},
          {"writer_stalls", counters_.writer_stalls.load()},
          {"writer_stall_ms", counters_.writer_stall_ms.load()},
          {"read_only", read_only_.load() ? 1u : 0u}};
}

}  // namespace kvfs
