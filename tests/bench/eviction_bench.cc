// Hit rates of the eviction policies beside exact LRU, for the same traces: eviction_bench [USES] [KEYS] [CACHE].
// Counts, not times: the same on every machine. contrib/bench/eviction.py compares with Redis.
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "store/store.h"
#include "tests/store/eviction_trace.h"

namespace kvfs {
namespace {

double hit_rate(const std::vector<uint32_t>& trace, EvictionPolicy policy, uint64_t keys_max) {
  std::atomic<uint64_t> clock_ns{1'700'000'000'000'000'000};
  StoreOptions options;
  options.engine.kind = "memory";
  options.expiry_interval_ms = 0;
  options.eviction.interval_ms = 0;
  options.eviction.seed = 1;
  options.eviction.policy = policy;
  options.eviction.keys_max = keys_max;
  options.clock_ns = [&] { return clock_ns.load(); };
  const auto store = Store::open(options).value();
  const DirId tenant = *store->ensure_tenant("cache");
  const DirId collection = *store->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant, "default"); });
  size_t hits = 0;
  for (const uint32_t number : trace) {
    clock_ns += 1'000'000;
    const std::string key = trace_key(number);
    if (store->read([&](const ReadTxn& txn) { return get(txn, collection, key).has_value(); }))
      ++hits;
    else if (!store->write([&](WriteTxn& txn) { return put(txn, collection, key, "x"); }))
      std::abort();
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

}  // namespace
}  // namespace kvfs

int main(int argc, char** argv) {
  const auto argument = [&](int at, size_t otherwise) {
    return argc > at ? static_cast<size_t>(std::strtoull(argv[at], nullptr, 10)) : otherwise;
  };
  const size_t uses = argument(1, 100'000);
  const size_t keys = argument(2, 20'000);
  const size_t cache = argument(3, 2'000);
  for (const bool scans : {false, true}) {
    const auto trace = kvfs::make_trace(uses, keys, 0.9, scans ? 3000 : 0, 3000, 1);
    kvfs::ExactLru lru(cache);
    size_t hits = 0;
    for (const uint32_t key : trace) hits += lru.use(key) ? 1 : 0;
    std::printf("%s exact LRU %.3f", scans ? "zipf 0.9 with scans:" : "zipf 0.9:           ",
                static_cast<double>(hits) / static_cast<double>(uses));
    for (const auto policy : {kvfs::EvictionPolicy::allkeys_lru, kvfs::EvictionPolicy::allkeys_lfu,
                              kvfs::EvictionPolicy::allkeys_arc, kvfs::EvictionPolicy::allkeys_random})
      std::printf("  %s %.3f", std::string(to_string(policy)).c_str(), kvfs::hit_rate(trace, policy, cache));
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}
