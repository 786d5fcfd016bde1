// The engine beside bare LMDB, RocksDB (where its library is installed) and a bare append + fdatasync, in one run:
//   engine_bench [--keys=N] [--benchmark_filter=...]
// Keys have 16 bytes, values 100. Data goes to a directory below TMPDIR, removed at the end.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/engine/engine.h"
#include "store/lmdb.h"

#if defined(KVFS_BENCH_ROCKSDB)
#include <rocksdb/db.h>
#endif

namespace kvfs {
namespace {

uint64_t keys = 1'000'000;
std::filesystem::path directory;

struct Key {
  explicit Key(uint64_t number) { std::snprintf(bytes, sizeof bytes, "%016" PRIx64, number * 0x9e3779b97f4a7c15); }
  operator std::string_view() const { return {bytes, 16}; }
  char bytes[17];
};
const std::string kValue(100, 'v');

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

class Subject {
 public:
  virtual ~Subject() = default;
  virtual void load() = 0;  // keys 0 .. keys-1, then settles
  virtual void put(uint64_t key, bool synced) = 0;
  virtual bool get(uint64_t key) = 0;
  virtual uint64_t scan(uint64_t rows) = 0;  // returns the rows met
};

class KvfsSubject final : public Subject {
 public:
  KvfsSubject() {
    EngineOptions options;
    options.path = directory / "kvfs";
    engine_ = open_engine(options).value();
  }
  void load() override {
    for (uint64_t key = 0; key < keys;) {
      check(engine_
                ->transact([&](Transaction& txn) {
                  for (int i = 0; i < 1000 && key < keys; ++i, ++key) txn.put(Key(key), kValue);
                  return Result<void>();
                })
                .has_value(),
            "load");
    }
    check(engine_->checkpoint().has_value(), "checkpoint");
  }
  void put(uint64_t key, bool synced) override {
    check(engine_
              ->transact([&](Transaction& txn) {
                txn.put(Key(key), kValue);
                if (synced) txn.require({Durability::Mode::strict, 0});
                return Result<void>();
              })
              .has_value(),
          "put");
  }
  bool get(uint64_t key) override { return engine_->snapshot()->get(Key(key)).has_value(); }
  uint64_t scan(uint64_t rows) override {
    const auto snapshot = engine_->snapshot();
    const auto cursor = snapshot->cursor();
    uint64_t met = 0;
    for (cursor->seek(""); cursor->valid() && met < rows; cursor->next(), ++met)
      benchmark::DoNotOptimize(cursor->value());
    return met;
  }
  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
};

class LmdbSubject final : public Subject {
 public:
  LmdbSubject() {
    lmdb::EnvOptions options;
    options.path = directory / "lmdb";
    env_ = lmdb::Env::open(options).value();
    table_ = env_->open_table("rows").value();
  }
  void load() override {
    std::vector<Key> sorted;
    for (uint64_t key = 0; key < keys; ++key) sorted.emplace_back(key);
    std::sort(sorted.begin(), sorted.end(), [](std::string_view a, std::string_view b) { return a < b; });
    auto txn = lmdb::WriteTxn::begin(*env_).value();
    for (const Key& key : sorted) check(txn->append(table_, key, kValue).has_value(), "append");
    check(txn->commit().has_value(), "commit");
  }
  void put(uint64_t key, bool) override {
    auto txn = lmdb::WriteTxn::begin(*env_).value();
    check(txn->put(table_, Key(key), kValue).has_value(), "put");
    check(txn->commit().has_value(), "commit");
  }
  bool get(uint64_t key) override {
    thread_local std::unique_ptr<lmdb::ReadTxn> reader;
    thread_local const LmdbSubject* owner = nullptr;
    if (owner != this) {
      reader = std::make_unique<lmdb::ReadTxn>(*env_);
      owner = this;
    }
    reader->reset();
    reader->renew();
    return reader->get(table_, Key(key)).has_value();
  }
  uint64_t scan(uint64_t rows) override {
    const lmdb::ReadTxn txn(*env_);
    lmdb::Cursor cursor(txn, table_);
    uint64_t met = 0;
    for (cursor.seek(""); cursor.valid() && met < rows; cursor.next(), ++met) benchmark::DoNotOptimize(cursor.value());
    return met;
  }

 private:
  std::unique_ptr<lmdb::Env> env_;
  lmdb::Table table_ = 0;
};

#if defined(KVFS_BENCH_ROCKSDB)
class RocksSubject final : public Subject {
 public:
  RocksSubject() {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, directory / "rocksdb", &db).ok(), "rocksdb");
    db_.reset(db);
  }
  void load() override {
    for (uint64_t key = 0; key < keys;) {
      rocksdb::WriteBatch batch;
      for (int i = 0; i < 1000 && key < keys; ++i, ++key) check(batch.Put(slice(Key(key)), kValue).ok(), "put");
      check(db_->Write({}, &batch).ok(), "load");
    }
    check(db_->CompactRange({}, nullptr, nullptr).ok(), "compact");
  }
  void put(uint64_t key, bool synced) override {
    rocksdb::WriteOptions options;
    options.sync = synced;
    check(db_->Put(options, slice(Key(key)), kValue).ok(), "put");
  }
  bool get(uint64_t key) override {
    rocksdb::PinnableSlice value;
    return db_->Get({}, db_->DefaultColumnFamily(), slice(Key(key)), &value).ok();
  }
  uint64_t scan(uint64_t rows) override {
    const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator({}));
    uint64_t met = 0;
    for (row->SeekToFirst(); row->Valid() && met < rows; row->Next(), ++met) benchmark::DoNotOptimize(row->value());
    return met;
  }

 private:
  static rocksdb::Slice slice(const Key& key) { return {key.bytes, 16}; }
  std::unique_ptr<rocksdb::DB> db_;
};
#endif

/// What a strict single writer cannot beat: one record appended to a preallocated file of zeros and synced.
class AppendSubject final : public Subject {
 public:
  AppendSubject() : fd_(open((directory / "append").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string zeros(1024 * 1024, '\0');
    for (int i = 0; i < 64; ++i) check(pwrite(fd_, zeros.data(), zeros.size(), i * 1024L * 1024) > 0, "pwrite");
    check(fdatasync(fd_) == 0, "fdatasync");
  }
  ~AppendSubject() override { close(fd_); }
  void load() override {}
  void put(uint64_t key, bool synced) override {
    char record[144];
    std::memset(record, 'r', sizeof record);
    std::memcpy(record, Key(key).bytes, 16);
    check(pwrite(fd_, record, sizeof record, end_) == static_cast<ssize_t>(sizeof record), "pwrite");
    end_ = (end_ + static_cast<off_t>(sizeof record)) % (63L * 1024 * 1024);
    if (synced) check(fdatasync(fd_) == 0, "fdatasync");
  }
  bool get(uint64_t) override { return false; }
  uint64_t scan(uint64_t) override { return 0; }

 private:
  const int fd_;
  off_t end_ = 0;
};

template <class S>
S& loaded() {
  static const std::unique_ptr<S> subject = [] {
    auto made = std::make_unique<S>();
    made->load();
    return made;
  }();
  return *subject;
}

std::mt19937_64& random_of_thread() {
  static std::atomic<uint64_t> threads{1};
  thread_local std::mt19937_64 random(threads.fetch_add(1));
  return random;
}

template <class S>
void get(benchmark::State& state) {
  Subject& subject = loaded<S>();
  uint64_t found = 0;
  for (auto _ : state) found += subject.get(random_of_thread()() % keys) ? 1 : 0;
  state.SetItemsProcessed(state.iterations());
  if (found != static_cast<uint64_t>(state.iterations())) state.SkipWithError("keys are missing");
}

template <class S>
void put(benchmark::State& state) {
  Subject& subject = loaded<S>();
  for (auto _ : state) subject.put(random_of_thread()() % keys, false);
  state.SetItemsProcessed(state.iterations());
}

template <class S>
void put_synced(benchmark::State& state) {
  Subject& subject = loaded<S>();
  for (auto _ : state) subject.put(random_of_thread()() % keys, true);
  state.SetItemsProcessed(state.iterations());
}

template <class S>
void scan(benchmark::State& state) {
  Subject& subject = loaded<S>();
  int64_t met = 0;
  for (auto _ : state) met += static_cast<int64_t>(subject.scan(100'000));
  state.SetItemsProcessed(met);
}

void snapshot(benchmark::State& state) {
  Engine& engine = loaded<KvfsSubject>().engine();
  for (auto _ : state) benchmark::DoNotOptimize(engine.snapshot());
}

void settle(benchmark::State& state) {  // after reads and before them: nothing in the memtable
  for (auto _ : state) check(loaded<KvfsSubject>().engine().checkpoint().has_value(), "checkpoint");
}

BENCHMARK(snapshot)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(get<KvfsSubject>)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(get<LmdbSubject>)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(scan<KvfsSubject>)->UseRealTime();
BENCHMARK(scan<LmdbSubject>)->UseRealTime();
#if defined(KVFS_BENCH_ROCKSDB)
BENCHMARK(get<RocksSubject>)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(scan<RocksSubject>)->UseRealTime();
BENCHMARK(put<RocksSubject>)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(put_synced<RocksSubject>)->Threads(1)->Threads(64)->UseRealTime();
#endif
BENCHMARK(put<KvfsSubject>)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(put_synced<KvfsSubject>)->Threads(1)->Threads(64)->UseRealTime();
BENCHMARK(put_synced<AppendSubject>)->UseRealTime();
BENCHMARK(put_synced<LmdbSubject>)->UseRealTime();
BENCHMARK(settle)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kvfs

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--keys=", 7) != 0) {
      std::fprintf(stderr, "usage: engine_bench [--keys=N] [--benchmark_...]\n");
      return 2;
    }
    kvfs::keys = std::strtoull(argv[i] + 7, nullptr, 10);
  }
  std::string name = std::filesystem::temp_directory_path() / "kvfs-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return 1;
  kvfs::directory = name;
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(kvfs::directory);
  return 0;
}
