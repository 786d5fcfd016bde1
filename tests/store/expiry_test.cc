// Masses of keys that expire at the same moment. With KVFS_EXPIRY_KEYS=1000000 in the environment it is a measurement
// on disk, which prints how long another writer waited at most.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "store/store.h"

namespace kvfs {
namespace {

constexpr size_t kBatchMax = 200;
constexpr size_t kKeysDefault = 5000;

TEST(ExpiryTest, MassesExpireInBoundedBatchesBetweenWhichOthersWrite) {
  const char* wanted = std::getenv("KVFS_EXPIRY_KEYS");
  const size_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : kKeysDefault;
  std::atomic<uint64_t> clock_ns{1'700'000'000'000'000'000};
  const std::string path = testing::TempDir() + "kvfs_expiry_" + std::to_string(::getpid());
  StoreOptions options;
  options.engine.kind = wanted != nullptr ? "lmdb" : "memory";
  options.engine.path = path;
  options.expiry_interval_ms = 0;
  options.expiry_batch_max = wanted != nullptr ? 1000 : kBatchMax;
  options.clock_ns = [&] { return clock_ns.load(); };
  auto opened = Store::open(options);
  ASSERT_TRUE(opened) << opened.error().message();
  Store& store = **opened;
  const DirId tenant = *store.ensure_tenant("acme");
  const DirId collection = *store.write([&](WriteTxn& txn) { return ensure_collection(txn, tenant, "default"); });
  constexpr size_t kPutsAtOnce = 1000;
  for (size_t i = 0; i < count; i += kPutsAtOnce)
    ASSERT_TRUE(store.write([&](WriteTxn& txn) -> Result<void> {
      PutOptions expiring;
      expiring.expires_ms = txn.now_ms() + 1000 * 1000;
      for (size_t k = i; k < std::min(count, i + kPutsAtOnce); ++k)
        if (auto done = put(txn, collection, "k" + std::to_string(k), "x", expiring); !done) return done.error();
      return {};
    }));
  clock_ns += uint64_t{2000} * 1'000'000'000;

  std::atomic<size_t> largest{0};
  uint64_t last = store.feed().last();
  const auto listener = store.feed().listen([&] {
    const auto batch = store.feed().read(last, 2 * kPutsAtOnce);
    last = batch.next;
    size_t expired = 0;
    for (const ChangePtr& change : batch.changes) expired += change->kind == ChangeKind::expire ? 1 : 0;
    largest = std::max(largest.load(), expired);
  });
  std::atomic<bool> done{false};
  Result<size_t> removed = size_t{0};
  std::thread sweeper([&] {
    removed = store.sweep_expired();
    done = true;
  });
  std::chrono::steady_clock::duration longest{};
  size_t i = 0;
  do {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(store.write([&](WriteTxn& txn) { return put(txn, collection, "other", std::to_string(i)); }));
    longest = std::max(longest, std::chrono::steady_clock::now() - begin);
    ++i;
  } while (!done.load());
  sweeper.join();
  ASSERT_TRUE(removed);
  EXPECT_EQ(*removed, count);
  EXPECT_EQ(store.usage(tenant).expired, count);
  EXPECT_EQ(store.usage(tenant).keys, 1U);
  if (wanted == nullptr) {
    EXPECT_LE(largest.load(), kBatchMax);
    return;
  }
  const auto longest_us = std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
  std::printf("%zu keys expired; the longest wait of another writer: %lld us\n", count,
              static_cast<long long>(longest_us));
  opened->reset();
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace kvfs
