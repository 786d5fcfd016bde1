// The whole store under power loss: rows, indexes, counters and chunks agree in every state that a crash can leave, as
// `kvfs check` sees it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "store/check.h"
#include "store/store.h"
#include "tests/crash/crash_directory.h"
#include "tests/crash/io_recorder.h"

namespace kvfs::crash {
namespace {

// Random keys, values of all sizes, renames, expiry and what comes back from the trash; some commits are strict.
class Worker {
 public:
  Worker(Store& store, uint64_t seed) : store_(store), random_(seed) {
    tenant_ = store_.ensure_tenant("acme").value();
    collection_ = store_.write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); }).value();
  }

  /// Returns the number of the step if it is durable now, else 0.
  uint64_t step(uint64_t number) {
    switch (random_() % 9) {
      case 0:
        (void)store_.write([&](WriteTxn& txn) { return remove(txn, collection_, key()); });
        break;
      case 1:
        (void)store_.write([&](WriteTxn& txn) { return rename_key(txn, collection_, key(), collection_, key()); });
        break;
      case 2:
        (void)store_.write([&](WriteTxn& txn) { return copy_key(txn, collection_, key(), collection_, key()); });
        break;
      case 3:
        (void)store_.write([&](WriteTxn& txn) { return restore_some(txn); });
        break;
      default:
        put_value();
        break;
    }
    WriteOptions options;
    const bool strict = random_() % 6 == 0;
    if (strict) options.durability = Durability{Durability::Mode::strict, 0};
    const std::string text = std::to_string(number);
    const auto counted =
        store_.write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, "counted", text, {}); }, options);
    if (random_() % 30 == 0) (void)store_.checkpoint();
    return strict && counted ? number : 0;
  }

 private:
  Result<PutOutcome> restore_some(WriteTxn& txn) {
    Version id = 0;
    list_trash(txn, tenant_, 0, [&](const Trashed& removed) {
      id = removed.id;
      return random_() % 2 == 0;
    });
    return restore_trashed(txn, tenant_, id, true);
  }
  std::string key() {
    std::string key(1, static_cast<char>('a' + random_() % 4));
    for (uint64_t depth = random_() % 3; depth > 0; --depth)
      key += "/" + std::string(1, static_cast<char>('a' + random_() % 3));
    return key;
  }

  void put_value() {
    const size_t sizes[] = {0, 10, 300, 9000, 70'000, 150'000};
    ValueWriter writer(store_.chunks(), kValueBytesMax);
    std::string bytes(sizes[random_() % 6], static_cast<char>('a' + random_() % 26));
    if (!writer.append(bytes)) return;
    auto staged = writer.finish();
    if (!staged) return;
    PutOptions options;
    if (random_() % 5 == 0) options.expires_ms = store_.now_ms() + random_() % 20;
    const auto done = store_.write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key(), *staged, options); });
    if (done) staged->published();
  }

  Store& store_;
  Random random_;
  DirId tenant_ = 0;
  DirId collection_ = 0;
};

struct Taken {
  Image image;
  uint64_t durable = 0;
};

StoreOptions options_at(const std::string& path, uint64_t seed) {
  StoreOptions options;
  options.engine.path = path;
  options.engine.reserve_bytes = 0;
  options.engine.memtable_entries_max = 200;
  options.expiry_interval_ms = 5;
  if (seed % 2 == 0) options.trash = {.keep_ms = 100, .keys_max = 8};
  return options;
}

std::vector<Taken> work(const std::string& path, uint64_t seed) {
  std::vector<Taken> taken;
  std::atomic<uint64_t> durable{0};
  Random random(seed);
  IoRecorder& recorder = IoRecorder::instance();
  recorder.start(path);
  recorder.observe = [&](const DiskModel& model) {
    if (taken.size() >= 15 || random() % 30 != 0) return;
    const uint64_t promised = durable.load();
    taken.push_back({model.crash(random), promised});
  };
  auto store = Store::open(options_at(path, seed)).value();
  Worker worker(*store, seed);
  for (uint64_t number = 1; number <= 120; ++number) durable = std::max(durable.load(), worker.step(number));
  store.reset();
  recorder.stop();
  taken.push_back({recorder.model().now(), durable});
  return taken;
}

uint64_t counted(Store& store) {
  return store.read([&](const ReadTxn& txn) -> uint64_t {
    const auto tenant = find_tenant(txn, "acme");
    if (!tenant) return 0;
    const auto collection = find_collection(txn, *tenant, "default");
    if (!collection) return 0;
    const auto entry = get(txn, *collection, "counted");
    if (!entry) return 0;
    const auto bytes = read_whole_value(txn, *entry, 100);
    return bytes ? std::stoull(*bytes) : 0;
  });
}

TEST(StoreCrashTest, AfterPowerLossACheckFindsNothing) {
  uint64_t seed = seed_of_run();
  uint64_t images = 0;
  for (uint64_t life = 0; life < lives_of_run(6) && !HasFailure(); ++life, ++seed) {
    SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
    CrashDirectory directory;
    const std::string path = directory.path() + "/store";
    write_image({}, path);
    for (const Taken& taken : work(path, seed)) {
      ++images;
      write_image(taken.image, path);
      auto store = Store::open(options_at(path, seed));
      ASSERT_TRUE(store) << store.error().message();
      EXPECT_GE(counted(**store), taken.durable);
      CheckOptions check;
      check.exclusive = false;  // expiry is swept meanwhile
      for (const CheckFinding& finding : check_store(**store, check).findings) {
        ADD_FAILURE() << finding.where << ": " << finding.what;
      }
      if (HasFailure()) {
        store->reset();
        write_image(taken.image, path);
        directory.keep();
        std::fprintf(stderr, "the image that failed is in %s\n", path.c_str());
        break;
      }
    }
  }
  std::printf("%llu crash images checked\n", static_cast<unsigned long long>(images));
}

}  // namespace
}  // namespace kvfs::crash
