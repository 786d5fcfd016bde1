#include "store/latency.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace kvfs {
namespace {

TEST(LatencyTest, BucketsHoldWhatIsAtMostTheirBound) {
  LatencySeries series;
  series.record(0);
  series.record(1'000);           // 1 us: still in the first
  series.record(1'001);           // in the second, up to 2 us
  series.record(10'000'000'000);  // 10 s: the last with a bound
  series.record(10'000'000'001);
  const LatencySeries::Reading reading = series.read();
  EXPECT_EQ(reading.buckets[0], 2u);
  EXPECT_EQ(reading.buckets[1], 1u);
  EXPECT_EQ(reading.buckets[LatencySeries::kBuckets - 2], 1u);
  EXPECT_EQ(reading.buckets[LatencySeries::kBuckets - 1], 1u);
  EXPECT_EQ(reading.count, 5u);
  EXPECT_EQ(reading.sum_ns, 20'000'002'002u);
}

TEST(LatencyTest, NoRecordOfManyThreadsIsLost) {
  Latencies latencies;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 10'000; ++i) latencies.series("door", "operation").record(i);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(latencies.series("door", "operation").read().count, 80'000u);
}

TEST(LatencyTest, SeriesAreKnownByDoorAndOperation) {
  Latencies latencies;
  LatencySeries& put = latencies.series("http", "put");
  EXPECT_EQ(&put, &latencies.series("http", "put"));
  EXPECT_NE(&put, &latencies.series("resp", "put"));
  { const LatencyTimer timer(&put); }
  const auto all = latencies.read();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].door, "http");
  EXPECT_EQ(all[0].reading.count, 1u);
  EXPECT_EQ(all[1].reading.count, 0u);
}

}  // namespace
}  // namespace kvfs
