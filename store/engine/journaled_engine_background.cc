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
  if (tracker_.due_ms() <= coarse_now_ms() && !sync_commits())
    return read_only_.load() ? BackgroundTask::kNever : BackgroundTask::kAgainMs;
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
  for (;;) {
    if (told_.empty()) {
      const std::lock_guard lock(waiters_mutex_);
      told_.swap(waiters_);
    }
    if (told_.empty()) return BackgroundTask::kNever;
    const Result<void> done = sync_commits();
    const Sequence durable = durable_.load();
    // Whom there is no memory to tell is told by the next run, and those behind him.
    for (; !told_.empty(); told_.pop_front())
      told_.front().told(told_.front().sequence <= durable ? Result<void>() : done);
  }
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
        if (checkpoint_wanted_ || old) {
          if (!try_to_freeze_locked()) return kFoldRetryMs;
          checkpoint_wanted_ = false;
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

bool JournaledEngine::try_to_freeze_locked() {
  try {
    freeze_locked();
    return true;
  } catch (const std::bad_alloc&) {
    fold_error_ = out_of_memory();
    folds_ended_ += 1;
    room_.notify_all();
    return false;
  }
}

Result<void> JournaledEngine::fold_into_base(const Layers& layers) {
  if (base_->sequence() >= layers.frozen_last) return {};  // done before, but the layers could not be replaced
  // The base must never hold what the journal could still lose, nor rows whose chunks are not on the disk.
  if (Result<void> synced = sync_commits(); !synced) return synced;
  Result<void> done = base_->fold(*layers.frozen, layers.frozen_last);
  if (!done && done.error().code == Errc::no_space && journal_->drop_spares())
    done = base_->fold(*layers.frozen, layers.frozen_last);
  return done;
}

bool JournaledEngine::fold_frozen(const Layers& layers) {
  const uint64_t begun_ms = now_ms();
  Result<void> done;
  try {
    done = fold_into_base(layers);
  } catch (const StoreException& damage) {
    done = damage.error();
  } catch (const std::bad_alloc&) {
    done = out_of_memory();
  }
  if (!done) {
    // A transaction that failed has overwritten nothing, so what it wanted for may be there at the next try.
    if (done.error().code != Errc::no_space && done.error().code != Errc::limit_reached) turn_read_only(done.error());
    const std::lock_guard lock(commit_mutex_);
    const bool news = !fold_error_;
    fold_error_ = done.error();
    folds_ended_ += 1;
    room_.notify_all();
    if (news) notice("checkpoint failed: " + done.error().message());
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
