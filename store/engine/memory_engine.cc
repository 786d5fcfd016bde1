#include "store/engine/memory_engine.h"

#include <sys/sysinfo.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "store/engine/memory_chunks.h"
#include "store/engine/persistent_map.h"
#include "store/engine/reader_registry.h"
#include "store/engine/release_queue.h"

namespace kvfs {
namespace {

class MapCursor final : public Cursor {
 public:
  explicit MapCursor(const PersistentMap& map) : map_(map) {}
  void seek(std::string_view key) override { stand(map_.at_or_after(key)); }
  void seek_before(std::string_view key) override { stand(map_.before(key)); }
  void next() override { stand(map_.after(key())); }
  void prev() override { stand(map_.before(key())); }

 private:
  void stand(const PersistentMap::Row* row) { row == nullptr ? stand_nowhere() : stand_at(row->key, row->value); }

  const PersistentMap& map_;
};

std::optional<std::string_view> value_in(const PersistentMap& map, std::string_view key) {
  const PersistentMap::Row* row = map.find(key);
  if (row == nullptr) return std::nullopt;
  return row->value;
}

class MemoryTransaction final : public Transaction {
 public:
  MemoryTransaction(PersistentMap map, Sequence sequence) : map_(std::move(map)), sequence_(sequence) {}

  std::optional<std::string_view> get(std::string_view key) const override { return value_in(map_, key); }
  std::unique_ptr<Cursor> cursor() const override { return std::make_unique<MapCursor>(map_); }
  Sequence sequence() const override { return sequence_; }
  void put(std::string_view key, std::string_view value) override {
    wrote_ = true;
    map_.put(key, value);
  }
  void erase(std::string_view key) override {
    wrote_ = true;
    map_.erase(std::string(key));  // the key may be a view into the row that goes away
  }
  void require(const Durability&) override {}
  void use_chunk(const ChunkRef& ref) override { used_.push_back(ref); }
  void release_chunk(const ChunkRef& ref) override {
    wrote_ = true;
    released_.push_back(ref);
  }

  bool wrote() const { return wrote_; }
  PersistentMap& map() { return map_; }
  std::vector<ChunkRef>& released() { return released_; }
  const std::vector<ChunkRef>& used() const { return used_; }

 private:
  PersistentMap map_;
  const Sequence sequence_;
  bool wrote_ = false;
  std::vector<ChunkRef> released_;
  std::vector<ChunkRef> used_;
};

class MemoryEngine final : public Engine {
 public:
  explicit MemoryEngine(const EngineOptions& options)
      : bytes_max_(options.max_size_bytes), chunks_(readers_, visible_, options.max_size_bytes) {}

  std::unique_ptr<Snapshot> snapshot() override;
  Result<Sequence> transact(const Body& body, const CommitOptions& options) override;
  Result<void> sync() override { return {}; }
  void when_durable(Sequence, DurableCallback told) override { told({}); }
  Result<void> checkpoint() override { return {}; }
  ChunkStore& chunks() override { return chunks_; }
  EngineStats stats() const override;
  SpaceUse space() const override;

  void reclaim() {
    if (!released_.empty()) chunks_.release(released_.take(visible_.load(), readers_.oldest()));
  }
  ReaderRegistry& readers() { return readers_; }

 private:
  PersistentMap current(ReaderRegistry::Slot* slot, Sequence* sequence) const;

  const uint64_t bytes_max_;
  ReaderRegistry readers_;
  std::atomic<Sequence> visible_{0};
  MemoryChunks chunks_;
  ReleaseQueue released_;
  std::mutex commit_mutex_;  // before map_mutex_
  mutable std::mutex map_mutex_;
  PersistentMap map_;  // guarded by map_mutex_, as is storing to visible_
};

class MemorySnapshot final : public Snapshot {
 public:
  MemorySnapshot(MemoryEngine& engine, ReaderRegistry::Slot* slot, PersistentMap map, Sequence sequence)
      : engine_(engine), slot_(slot), map_(std::move(map)), sequence_(sequence) {}
  ~MemorySnapshot() override {
    engine_.readers().release(slot_);
    engine_.reclaim();
  }
  std::optional<std::string_view> get(std::string_view key) const override { return value_in(map_, key); }
  std::unique_ptr<Cursor> cursor() const override { return std::make_unique<MapCursor>(map_); }
  Sequence sequence() const override { return sequence_; }

 private:
  MemoryEngine& engine_;
  ReaderRegistry::Slot* const slot_;
  const PersistentMap map_;
  const Sequence sequence_;
};

PersistentMap MemoryEngine::current(ReaderRegistry::Slot* slot, Sequence* sequence) const {
  const std::lock_guard lock(map_mutex_);
  *sequence = slot != nullptr ? slot->enter(visible_) : visible_.load();
  return map_;
}

std::unique_ptr<Snapshot> MemoryEngine::snapshot() {
  ReaderRegistry::Slot* slot = readers_.acquire();
  Sequence sequence = 0;
  PersistentMap map = current(slot, &sequence);
  return std::make_unique<MemorySnapshot>(*this, slot, std::move(map), sequence);
}

Result<Sequence> MemoryEngine::transact(const Body& body, const CommitOptions& options) {
  PersistentMap replaced;  // freed outside of the locks
  Sequence sequence = 0;
  {
    const std::lock_guard commit_lock(commit_mutex_);
    PersistentMap map = current(nullptr, &sequence);
    const uint64_t bytes_before = map.bytes();
    MemoryTransaction txn(std::move(map), sequence);
    if (auto done = body(txn); !done) return done.error();
    if (txn.wrote()) {
      const uint64_t bytes = txn.map().bytes();
      if (bytes_max_ != 0 && bytes > bytes_before && bytes + chunks_.bytes_used() > bytes_max_)
        return Error{Errc::no_space, "max_size of " + std::to_string(bytes_max_) + " bytes reached"};
      sequence += 1;
      if (!txn.released().empty()) released_.add(sequence, std::move(txn.released()));
      const std::lock_guard map_lock(map_mutex_);
      replaced = std::exchange(map_, std::move(txn.map()));
      visible_.store(sequence);
      chunks_.adopt(txn.used());
    }
    if (options.on_commit) options.on_commit(sequence);
  }
  reclaim();
  return sequence;
}

EngineStats MemoryEngine::stats() const {
  Sequence sequence = 0;
  const PersistentMap map = current(nullptr, &sequence);
  return {{"sequence", sequence},
          {"rows", map.rows()},
          {"row_bytes", map.bytes()},
          {"chunk_bytes", chunks_.bytes_used()},
          {"readers_active", readers_.active()},
          {"oldest_reader_age_ms", readers_.oldest_age_ms()}};
}

SpaceUse MemoryEngine::space() const {
  Sequence sequence = 0;
  SpaceUse use;
  use.bytes_used = current(nullptr, &sequence).bytes() + chunks_.bytes_used();
  use.bytes_max = bytes_max_;
  struct sysinfo memory {};
  if (bytes_max_ == 0 && sysinfo(&memory) == 0)
    use.bytes_max = use.bytes_used + uint64_t{memory.freeram} * memory.mem_unit;
  return use;
}

}  // namespace

std::unique_ptr<Engine> open_memory_engine(const EngineOptions& options) {
  return std::make_unique<MemoryEngine>(options);
}

}  // namespace kvfs
