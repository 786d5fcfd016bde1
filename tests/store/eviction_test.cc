// What goes when a limit is reached, under each policy, and what stays.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "store/runtime.h"
#include "tests/store/eviction_trace.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

class EvictionTest : public StoreTest {
 protected:
  void limit(uint64_t keys, uint64_t bytes, std::string_view policy) {
    const auto done = store_->write([&](WriteTxn& txn) -> Result<void> {
      Settings settings = settings_of(txn, tenant_);
      settings.quota_keys = keys;
      settings.quota_bytes = bytes;
      settings.eviction = *parse_eviction_policy(policy);
      set_settings(txn, tenant_, settings);
      return {};
    });
    ASSERT_TRUE(done);
  }

  void tick() { clock_ns_ += 1'000'000'000; }
  void expire_in(std::string_view key, uint64_t ms) {
    ASSERT_EQ(write([&](WriteTxn& txn) { return set_expiry(txn, collection_, key, txn.now_ms() + ms); }), "ok");
  }

  /// Uses each key of the trace as a cache does: reads it, and stores it where it is missing. The hits.
  size_t replay(const std::vector<uint32_t>& trace) {
    size_t hits = 0;
    for (const uint32_t number : trace) {
      clock_ns_ += 1'000'000;
      const std::string key = trace_key(number);
      const bool hit = store_->read([&](const ReadTxn& txn) { return get(txn, collection_, key).has_value(); });
      if (hit)
        ++hits;
      else
        EXPECT_TRUE(store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key, "x"); }));
    }
    return hits;
  }
  static size_t exact_lru_hits(const std::vector<uint32_t>& trace, size_t keys_max) {
    ExactLru lru(keys_max);
    return static_cast<size_t>(std::count_if(trace.begin(), trace.end(), [&](uint32_t key) { return lru.use(key); }));
  }
};

TEST_F(EvictionTest, WithoutAPolicyWritesBeyondALimitAreRefused) {
  limit(2, 0, "noeviction");
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(put("b", "1"));
  EXPECT_EQ(put("c", "1").error().code, Errc::quota_exceeded);
  EXPECT_EQ(keys(), "a b");
}

TEST_F(EvictionTest, TheStoresPolicyAndLimitChangeWhileItIsOpen) {
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(put(key, "1"));
    tick();
  }
  EvictionOptions options;
  options.keys_max = 3;
  store_->set_eviction(options);
  EXPECT_EQ(put("d", "1").error().code, Errc::quota_exceeded);
  options.policy = EvictionPolicy::allkeys_lru;
  options.samples = 7;
  store_->set_eviction(options);
  EXPECT_EQ(store_->evictor().samples_of(tenant_), 7U);
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(keys(), "b c d");
  store_->set_eviction({});
  ASSERT_TRUE(put("e", "1"));
  EXPECT_EQ(keys(), "b c d e");
}

TEST_F(EvictionTest, LeastRecentlyUsedGoesFirst) {
  limit(3, 0, "allkeys-lru");
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(put(key, "1"));
    tick();
  }
  EXPECT_EQ(value("a"), "1");
  tick();
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(keys(), "a c d");
  EXPECT_EQ(store_->usage(tenant_).evicted, 1U);
}

TEST_F(EvictionTest, LookingWithoutUsingKeepsNothing) {
  limit(2, 0, "allkeys-lru");
  ASSERT_TRUE(put("a", "1"));
  tick();
  ASSERT_TRUE(put("b", "1"));
  tick();
  EXPECT_TRUE(store_->read([&](const ReadTxn& txn) { return peek(txn, collection_, "a").has_value(); }));
  ASSERT_TRUE(put("c", "1"));
  EXPECT_EQ(keys(), "b c");
}

TEST_F(EvictionTest, LeastFrequentlyUsedGoesFirst) {
  limit(3, 0, "allkeys-lfu");
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put(key, "1"));
  for (int i = 0; i < 200; ++i) {
    (void)value("a");
    (void)value("c");
  }
  tick();
  (void)value("b");  // the most recent, yet the least frequent
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(keys(), "a c d");
}

TEST_F(EvictionTest, FrequencyFadesWithTime) {
  limit(2, 0, "allkeys-lfu");
  ASSERT_TRUE(put("a", "1"));
  for (int i = 0; i < 200; ++i) (void)value("a");
  clock_ns_ += uint64_t{3600} * 1'000'000'000;
  ASSERT_TRUE(put("b", "1"));
  ASSERT_TRUE(put("c", "1"));
  EXPECT_EQ(keys(), "b c");
}

TEST_F(EvictionTest, VolatilePoliciesLeaveWhatDoesNotExpire) {
  for (const char* policy : {"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}) {
    limit(0, 0, policy);
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put(key, "1"));
    expire_in("b", 1'000'000);
    limit(3, 0, policy);
    ASSERT_TRUE(put("d", "1")) << policy;
    EXPECT_EQ(keys(), "a c d") << policy;
    EXPECT_EQ(put("e", "1").error().code, Errc::quota_exceeded) << policy;
    for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(remove(key));
  }
}

TEST_F(EvictionTest, SoonestToExpireGoesFirst) {
  limit(0, 0, "volatile-ttl");
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put(key, "1"));
  expire_in("a", 3'000'000);
  expire_in("b", 1'000'000);
  expire_in("c", 2'000'000);
  limit(3, 0, "volatile-ttl");
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(keys(), "a c d");
  ASSERT_TRUE(put("e", "1"));
  EXPECT_EQ(keys(), "a d e");
}

TEST_F(EvictionTest, RandomPolicyKeepsTheLimit) {
  limit(10, 0, "allkeys-random");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(std::to_string(i), "1"));
  EXPECT_LE(info().keys, 10U);
  EXPECT_GE(store_->usage(tenant_).evicted, 90U);
}

TEST_F(EvictionTest, RoomForALargeValueIsMadeOfManySmallOnes) {
  limit(0, 100'000, "allkeys-lru");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put(std::to_string(i), std::string(100, 'x')));
  tick();
  ASSERT_TRUE(put("large", std::string(50'000, 'y')));
  EXPECT_EQ(value("large"), std::string(50'000, 'y'));
  EXPECT_LE(store_->usage(tenant_).bytes, 100'000U);
  EXPECT_GE(store_->usage(tenant_).keys, 400U);  // no more than needed
}

TEST_F(EvictionTest, AValueLargerThanTheLimitEvictsNothing) {
  limit(0, 1000, "allkeys-lru");
  ASSERT_TRUE(put("a", "1"));
  EXPECT_EQ(put("b", std::string(1001, 'x')).error().code, Errc::quota_exceeded);
  EXPECT_EQ(keys(), "a");
}

TEST_F(EvictionTest, OpenFilesLinksAndDirectoriesStay) {
  limit(0, 0, "allkeys-random");
  ASSERT_TRUE(put("open", "1"));
  ASSERT_TRUE(put("linked", "1"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "directory", new_directory()); }), "ok");
  NewNode symlink;
  symlink.kind = Kind::symlink;
  symlink.target = "open";
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "symlink", symlink); }), "ok");
  const Located linked = *locate(collection_, "linked");
  ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, linked, collection_, "other"); }), "ok");
  const Located open = *locate(collection_, "open");
  store_->hold_inode(open.entry.inode, {collection_, "open", false});
  limit(4, 0, "allkeys-random");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put("k" + std::to_string(i), "1"));
  EXPECT_EQ(names(collection_), "directory/ k19 linked open other symlink");
  store_->release_inode(open.entry.inode);
}

TEST_F(EvictionTest, EmptiedImplicitDirectoriesGo) {
  limit(1, 0, "allkeys-lru");
  ASSERT_TRUE(put("a/b/c", "1"));
  tick();
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(names(collection_), "d");
}

TEST_F(EvictionTest, EvictionIsAChangeOfItsOwnKind) {
  limit(1, 0, "allkeys-lru");
  ASSERT_TRUE(put("a", "1"));
  const uint64_t before = store_->feed().last();
  std::string told;
  const auto observer = store_->feed().observe(
      [&](const Change& change) { told += std::string(to_string(change.kind)) + " " + change.key + ","; }, kNoOrigin);
  ASSERT_TRUE(put("b", "1"));
  const auto batch = store_->feed().read(before, 10);
  ASSERT_EQ(batch.changes.size(), 2U);
  EXPECT_EQ(batch.changes[0]->kind, ChangeKind::evict);
  EXPECT_EQ(batch.changes[0]->key, "a");
  EXPECT_EQ(batch.changes[1]->kind, ChangeKind::put);
}

TEST_F(EvictionTest, AnotherTenantsKeysStay) {
  const DirId other = *store_->ensure_tenant("other");
  ASSERT_EQ(write([&](WriteTxn& txn) -> Result<PutOutcome> {
              return kvfs::put(txn, *ensure_collection(txn, other, "default"), "theirs", "1");
            }),
            "ok");
  limit(1, 0, "allkeys-random");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(std::to_string(i), "1"));
  EXPECT_EQ(store_->usage(other).keys, 1U);
  EXPECT_EQ(store_->usage(tenant_).keys, 1U);
}

TEST_F(EvictionTest, AnAtomicBatchThatDoesNotFitEvictsNothing) {
  limit(3, 0, "allkeys-lru");
  ASSERT_TRUE(put("a", "1"));
  const auto many = [&](WriteTxn& txn) -> Result<void> {
    for (int i = 0; i < 4; ++i)
      if (auto done = kvfs::put(txn, collection_, "k" + std::to_string(i), "1"); !done) return done.error();
    return {};
  };
  EXPECT_EQ(store_->write(many).error().code, Errc::quota_exceeded);
  EXPECT_EQ(keys(), "a");
}

TEST_F(EvictionTest, TheBackgroundKeepsALittleRoom) {
  limit(0, 0, "allkeys-lru");
  for (int i = 0; i < 640; ++i) ASSERT_TRUE(put(std::to_string(i), "1"));
  limit(640, 0, "allkeys-lru");
  EXPECT_EQ(store_->evictor().keep_room(), 10U);
  EXPECT_EQ(store_->evictor().keep_room(), 0U);
  limit(64, 0, "allkeys-lru");  // also where the limit was lowered
  EXPECT_EQ(store_->evictor().keep_room(), 567U);
}

TEST_F(EvictionTest, NoEvictionTakesMoreThanABatch) {
  limit(0, 0, "allkeys-lru");
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(put(std::to_string(i), "1"));
  limit(100, 0, "allkeys-lru");
  size_t largest = 0;
  size_t batch = 0;
  uint64_t last_version = 0;
  const auto observer = store_->feed().observe([&](const Change&) { ++batch; }, kNoOrigin);
  const uint64_t before = store_->feed().last();
  std::thread listener;
  const auto heard = store_->feed().listen([&] {
    const auto changes = store_->feed().read(std::max(before, last_version), 10'000).changes;
    largest = std::max(largest, changes.size());
    if (!changes.empty()) last_version = changes.back()->id;
  });
  EXPECT_GT(store_->evictor().keep_room(), 1800U);
  EXPECT_GT(batch, 1800U);
  EXPECT_GE(largest, 1U);
  EXPECT_LE(largest, Evictor::kVictimsAtOnceMax);
}

TEST_F(EvictionTest, WithoutHistoryTheTimeOfTheLastChangeDecides) {
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(put(key, "1"));  // nothing is noted: no policy yet
    tick();
  }
  ASSERT_TRUE(put("a", "2"));
  tick();
  limit(3, 0, "allkeys-lru");
  ASSERT_TRUE(put("d", "1"));
  EXPECT_EQ(keys(), "a c d");
}

TEST_F(EvictionTest, HitsAndMissesAreCountedForEachTenant) {
  ASSERT_TRUE(put("a", "1"));
  (void)value("a");
  (void)value("a");
  (void)value("none");
  const Store::Usage usage = store_->usage(tenant_);
  EXPECT_EQ(usage.hits, 2U);
  EXPECT_EQ(usage.misses, 1U);
  const DirId other = *store_->ensure_tenant("other");
  EXPECT_EQ(store_->usage(other).hits, 0U);
}

TEST_F(EvictionTest, ApproximateLruHitsNearlyAsOftenAsExactLru) {
  const auto trace = make_trace(40'000, 10'000, 0.9, 0, 0, 42);
  limit(1000, 0, "allkeys-lru");
  const auto exact = static_cast<double>(exact_lru_hits(trace, 1000));
  const auto hits = static_cast<double>(replay(trace));
  EXPECT_GT(hits, exact * 0.93) << "exact LRU: " << exact;
}

TEST_F(EvictionTest, ArcResistsScans) {
  const auto trace = make_trace(50'000, 5000, 0.9, 2000, 2000, 42);
  const auto lru = static_cast<double>(exact_lru_hits(trace, 1000));
  limit(1000, 0, "allkeys-arc");
  const auto arc = static_cast<double>(replay(trace));
  EXPECT_GT(arc, lru * 1.15) << "exact LRU: " << lru;
}

TEST_F(EvictionTest, FrequenciesResistScansInTheOrderOfKeys) {
  const auto trace = make_trace(50'000, 5000, 0.9, 2000, 2000, 42);
  const auto lru = static_cast<double>(exact_lru_hits(trace, 1000));
  limit(1000, 0, "allkeys-lfu");
  const auto lfu = static_cast<double>(replay(trace));
  EXPECT_GT(lfu, lru * 1.12) << "exact LRU: " << lru;
}

class StoreLimitsTest : public EvictionTest {
 protected:
  void open(const std::function<void(StoreOptions&)>& change) {
    StoreOptions changed = options();
    change(changed);
    store_ = *Store::open(changed);
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }
};

TEST_F(StoreLimitsTest, TheStoresLimitOnKeysHoldsForAllTenantsTogether) {
  open([](StoreOptions& changed) { changed.eviction.keys_max = 2; });
  const DirId other = *store_->ensure_tenant("other");
  ASSERT_EQ(write([&](WriteTxn& txn) -> Result<PutOutcome> {
              return kvfs::put(txn, *ensure_collection(txn, other, "default"), "theirs", "1");
            }),
            "ok");
  ASSERT_TRUE(put("a", "1"));
  EXPECT_EQ(put("b", "1").error().code, Errc::quota_exceeded);
}

TEST_F(StoreLimitsTest, TheStoresPolicyIsThatOfTenantsWithoutOne) {
  open([](StoreOptions& changed) {
    changed.eviction.keys_max = 20;
    changed.eviction.policy = EvictionPolicy::allkeys_lru;
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(put(std::to_string(i), "1"));
    tick();
  }
  EXPECT_EQ(store_->usage(0).keys, 20U);
  EXPECT_EQ(value("49"), "1");
  limit(0, 0, "noeviction");  // this tenant's keys stay
  EXPECT_EQ(put("more", "1").error().code, Errc::quota_exceeded);
}

TEST_F(StoreLimitsTest, AFullStoreEvicts) {
  open([](StoreOptions& changed) {
    changed.engine.max_size_bytes = 1 << 20;
    changed.eviction.policy = EvictionPolicy::allkeys_lru;
  });
  for (int i = 0; i < 2000; ++i) {
    const auto done = put("key" + std::to_string(i), std::string(2000, 'x'));
    ASSERT_TRUE(done) << i << ": " << done.error().message();
    tick();
  }
  EXPECT_EQ(value("key1999"), std::string(2000, 'x'));
  EXPECT_GT(store_->usage(0).evicted, 1000U);
}

TEST(MemoryPressureTest, CachesShrinkStepByStepAndRecover) {
  const std::string dir = testing::TempDir() + "kvfs_pressure_" + std::to_string(::getpid());
  ASSERT_EQ(std::system(("mkdir -p " + dir + "/pressure").c_str()), 0);
  const auto write = [&](const std::string& name, const std::string& text) { std::ofstream(dir + "/" + name) << text; };
  write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
  write("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  write("memory.events", "low 0\nhigh 7\n");
  PressureOptions options;
  options.proc = options.cgroup = dir;
  MemoryPressure pressure(options);
  EXPECT_FALSE(pressure.look());
  write("pressure/memory", "some avg10=25.00 avg60=0.00 avg300=0.00 total=0\n");
  EXPECT_EQ(pressure.look(), 1U);
  EXPECT_EQ(pressure.look(), 2U);
  write("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  EXPECT_FALSE(pressure.look());
  write("memory.events", "low 0\nhigh 8\n");
  EXPECT_EQ(pressure.look(), 3U);
  write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 10 kB\n");
  EXPECT_EQ(pressure.look(), 4U);
  write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
  int looks = 0;
  while (pressure.level() > 0 && ++looks < 1000) (void)pressure.look();
  EXPECT_EQ(pressure.level(), 0U);
  ASSERT_EQ(std::system(("rm -r " + dir).c_str()), 0);
}

TEST_F(StoreLimitsTest, CachesKeepTheirLimits) {
  open([](StoreOptions& changed) { changed.cached_paths_max = 16; });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put("d" + std::to_string(i) + "/a", "1"));
  EXPECT_LE(store_->runtime().cache_use().paths, 16U);
  EXPECT_GT(store_->runtime().cache_use().paths, 0U);
  store_->runtime().shrink_caches(4);
  EXPECT_EQ(store_->runtime().cache_use().paths_max, 1U);
  EXPECT_LE(store_->runtime().cache_use().paths, 1U);
}

}  // namespace
}  // namespace kvfs
