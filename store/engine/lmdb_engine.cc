#include "store/engine/lmdb_engine.h"

#include <sys/statvfs.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "store/engine/chunk_log.h"
#include "store/engine/reader_registry.h"
#include "store/engine/release_queue.h"
#include "store/engine/store_lock.h"
#include "store/lmdb.h"

namespace kvfs {
namespace {

constexpr std::string_view kSequenceKey = "sequence";

class RowCursor final : public Cursor {
 public:
  RowCursor(const lmdb::Txn& txn, lmdb::Table table) : cursor_(txn, table) {}
  void seek(std::string_view key) override { cursor_.seek(key); }
  void seek_before(std::string_view key) override { cursor_.seek_before(key); }
  void next() override { cursor_.next(); }
  void prev() override { cursor_.prev(); }
  bool valid() const override { return cursor_.valid(); }
  std::string_view key() const override { return cursor_.key(); }
  std::string_view value() const override { return cursor_.value(); }

 private:
  lmdb::Cursor cursor_;
};

class LmdbTransaction final : public Transaction {
 public:
  LmdbTransaction(lmdb::WriteTxn& txn, lmdb::Table rows, Sequence sequence) : txn_(txn), rows_(rows), sequence_(sequence) {}

  std::optional<std::string_view> get(std::string_view key) const override { return txn_.get(rows_, key); }
  std::unique_ptr<Cursor> cursor() const override { return std::make_unique<RowCursor>(txn_, rows_); }
  Sequence sequence() const override { return sequence_; }
  // The bytes may be views into pages that LMDB is about to change: copy them first.
  void put(std::string_view key, std::string_view value) override {
    note(txn_.put(rows_, key_.assign(key), value_.assign(value)));
  }
  void erase(std::string_view key) override { note(txn_.erase(rows_, key_.assign(key))); }
  void require(const Durability&) override {}
  void use_chunk(const ChunkRef&) override {}
  void release_chunk(const ChunkRef& ref) override {
    wrote_ = true;
    released_.push_back(ref);
  }

  bool wrote() const { return wrote_; }
  const std::optional<Error>& failed() const { return failed_; }
  std::vector<ChunkRef>& released() { return released_; }

 private:
  void note(const Result<void>& done) {
    wrote_ = true;
    if (!done && !failed_) failed_ = done.error();
  }
  lmdb::WriteTxn& txn_;
  const lmdb::Table rows_;
  const Sequence sequence_;
  bool wrote_ = false;
  std::string key_;
  std::string value_;
  std::optional<Error> failed_;
  std::vector<ChunkRef> released_;
};

class LmdbEngine final : public Engine {
 public:
  explicit LmdbEngine(EngineOptions options) : options_(std::move(options)) {}
  ~LmdbEngine() override;
  Result<void> open();

  std::unique_ptr<Snapshot> snapshot() override;
  Result<Sequence> transact(const Body& body, const CommitOptions& options) override;
  Result<void> sync() override;
  Result<void> checkpoint() override { return {}; }
  ChunkStore& chunks() override { return *chunks_; }
  EngineStats stats() const override;
  SpaceUse space() const override;

  void reclaim() {
    if (!released_.empty()) chunks_->release(released_.take(visible_.load(), readers_.oldest()));
  }
  ReaderRegistry& readers() { return readers_; }

 private:
  Result<void> commit(lmdb::WriteTxn& rows, LmdbTransaction& txn, Sequence sequence);

  const EngineOptions options_;
  std::unique_ptr<StoreLock> lock_;
  ReaderRegistry readers_;
  std::atomic<Sequence> visible_{0};
  std::unique_ptr<ChunkLog> chunks_;
  ReleaseQueue released_;
  std::unique_ptr<lmdb::Env> env_;
  lmdb::Table rows_ = 0;
  lmdb::Table meta_ = 0;
  std::mutex commit_mutex_;
};

class LmdbSnapshot final : public Snapshot {
 public:
  LmdbSnapshot(LmdbEngine& engine, ReaderRegistry::Slot* slot, const lmdb::Env& env, lmdb::Table rows, lmdb::Table meta)
      : engine_(engine), slot_(slot), txn_(env), rows_(rows), sequence_(read_sequence(txn_, meta)) {}
  ~LmdbSnapshot() override {
    engine_.readers().release(slot_);
    engine_.reclaim();
  }
  std::optional<std::string_view> get(std::string_view key) const override { return txn_.get(rows_, key); }
  std::unique_ptr<Cursor> cursor() const override { return std::make_unique<RowCursor>(txn_, rows_); }
  Sequence sequence() const override { return sequence_; }

  static Sequence read_sequence(const lmdb::Txn& txn, lmdb::Table meta) {
    Sequence sequence = 0;
    const auto bytes = txn.get(meta, kSequenceKey);
    if (bytes && bytes->size() == sizeof sequence) std::memcpy(&sequence, bytes->data(), sizeof sequence);
    return sequence;
  }

 private:
  LmdbEngine& engine_;
  ReaderRegistry::Slot* const slot_;
  lmdb::ReadTxn txn_;
  const lmdb::Table rows_;
  const Sequence sequence_;
};

Result<void> LmdbEngine::open() {
  auto lock = StoreLock::acquire(options_.path);
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  lmdb::EnvOptions env_options;
  env_options.path = options_.path + "/base";
  env_options.map_bytes = options_.max_size_bytes;
  auto env = lmdb::Env::open(env_options);
  if (!env) return env.error();
  env_ = std::move(*env);
  env_->clear_stale_readers();
  auto rows = env_->open_table("rows");
  if (!rows) return rows.error();
  rows_ = *rows;
  auto meta = env_->open_table("meta");
  if (!meta) return meta.error();
  meta_ = *meta;
  {
    const lmdb::ReadTxn txn(*env_);
    visible_ = LmdbSnapshot::read_sequence(txn, meta_);
  }
  auto chunks = ChunkLog::open(options_.path + "/chunks", readers_, visible_);
  if (!chunks) return chunks.error();
  chunks_ = std::move(*chunks);
  return {};
}

LmdbEngine::~LmdbEngine() {
  if (chunks_ == nullptr) return;
  reclaim();
  (void)chunks_->close_cleanly();  // what could not be written now is found when opening
}

std::unique_ptr<Snapshot> LmdbEngine::snapshot() {
  // Registered before the view is taken: chunks of that view or of a later one are safe.
  ReaderRegistry::Slot* slot = readers_.acquire();
  slot->enter(visible_);
  return std::make_unique<LmdbSnapshot>(*this, slot, *env_, rows_, meta_);
}

Result<void> LmdbEngine::commit(lmdb::WriteTxn& rows, LmdbTransaction& txn, Sequence sequence) {
  if (txn.failed()) return *txn.failed();
  const std::string_view bytes(reinterpret_cast<const char*>(&sequence), sizeof sequence);
  if (auto put = rows.put(meta_, kSequenceKey, bytes); !put) return put;
  if (auto synced = chunks_->sync(); !synced) return synced;
  return rows.commit();
}

Result<Sequence> LmdbEngine::transact(const Body& body, const CommitOptions& options) {
  Sequence sequence = 0;
  {
    const std::lock_guard lock(commit_mutex_);
    sequence = visible_.load();
    auto rows = lmdb::WriteTxn::begin(*env_);
    if (!rows) return rows.error();
    LmdbTransaction txn(**rows, rows_, sequence);
    if (auto done = body(txn); !done) return done.error();
    if (txn.wrote()) {
      sequence += 1;
      if (auto done = commit(**rows, txn, sequence); !done) return done.error();
      if (!txn.released().empty()) released_.add(sequence, std::move(txn.released()));
      visible_.store(sequence);
    }
    if (options.on_commit) options.on_commit(sequence);
  }
  reclaim();
  return sequence;
}

Result<void> LmdbEngine::sync() { return {}; }

EngineStats LmdbEngine::stats() const {
  const lmdb::Usage usage = env_->usage();
  const lmdb::ReadTxn txn(*env_);
  return {{"sequence", visible_.load()},
          {"rows", txn.rows(rows_)},
          {"base_bytes", usage.file_bytes},
          {"base_free_bytes", usage.free_bytes},
          {"base_map_bytes", usage.map_bytes},
          {"chunk_bytes", chunks_->bytes_used()},
          {"chunk_segments", chunks_->segments()},
          {"readers_active", readers_.active()},
          {"oldest_reader_age_ms", readers_.oldest_age_ms()}};
}

SpaceUse LmdbEngine::space() const {
  const lmdb::Usage usage = env_->usage();
  SpaceUse use;
  use.bytes_used = usage.file_bytes - usage.free_bytes + chunks_->bytes_used();
  struct statvfs disk {};
  if (statvfs(options_.path.c_str(), &disk) == 0)
    use.bytes_max = use.bytes_used + usage.free_bytes + uint64_t{disk.f_bavail} * disk.f_frsize;
  if (options_.max_size_bytes != 0) use.bytes_max = std::min(use.bytes_max, options_.max_size_bytes);
  return use;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_lmdb_engine(const EngineOptions& options) {
  auto engine = std::make_unique<LmdbEngine>(options);
  if (auto opened = engine->open(); !opened) return opened.error();
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace kvfs
