// maxmemory and its relatives: the tenant's limits, by the names that clients of Redis know.
#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class RespEvictionTest : public DoorTest {};

TEST_F(RespEvictionTest, MaxmemoryIsTheTenantsLimitOnBytes) {
  EXPECT_EQ(cmd("CONFIG GET maxmemory"), "*2|$9|maxmemory|$1|0");
  EXPECT_EQ(cmd("CONFIG SET maxmemory 1kb maxkeys 7"), "+OK");
  EXPECT_EQ(cmd("CONFIG GET maxmemory"), "*2|$9|maxmemory|$4|1024");
  const DirId tenant = *store_->find_tenant("default");
  EXPECT_EQ(store_->usage(tenant).quota_bytes, 1024U);
  EXPECT_EQ(store_->usage(tenant).quota_keys, 7U);
  EXPECT_EQ(cmd({"SET", "k", std::string(1025, 'x')}).substr(0, 27), "-OOM command not allowed: t");
  EXPECT_NE(cmd("INFO memory").find("maxmemory:1024|maxmemory_human:1.00K|maxmemory_policy:noeviction"),
            std::string::npos);
}

TEST_F(RespEvictionTest, ThePolicyDecidesWhatGoes) {
  EXPECT_EQ(cmd("CONFIG SET maxkeys 2 maxmemory-policy ALLKEYS-LRU maxmemory-samples 10"), "+OK");
  EXPECT_EQ(cmd("CONFIG GET maxmemory-[ps]*"), "*4|$16|maxmemory-policy|$11|allkeys-lru|$17|maxmemory-samples|$2|10");
  cmd("SET a 1");
  clock_ns_ += 1'000'000'000;
  cmd("SET b 1");
  clock_ns_ += 1'000'000'000;
  cmd("GET a");
  clock_ns_ += 1'000'000'000;
  EXPECT_EQ(cmd("SET c 1"), "+OK");
  EXPECT_EQ(cmd("MGET a b c"), "*3|$1|1|$-1|$1|1");
  EXPECT_NE(cmd("INFO stats").find("evicted_keys:1|"), std::string::npos);
}

TEST_F(RespEvictionTest, WhatIsNoPolicyChangesNothing) {
  EXPECT_EQ(cmd("CONFIG SET maxmemory 5 maxmemory-policy no").substr(0, 26), "-ERR CONFIG SET failed (po");
  EXPECT_EQ(cmd("CONFIG GET maxmemory"), "*2|$9|maxmemory|$1|0");
  cmd("MULTI");
  cmd("CONFIG SET maxmemory 5");
  cmd("CONFIG SET maxmemory none");
  EXPECT_EQ(cmd("EXEC"),
            "*2|-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - can't be set inside a transaction|"
            "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value");
}

TEST_F(RespEvictionTest, RestoreTellsHowAValueWasUsedElsewhere) {
  cmd("SET k 1");
  const std::string reply = client_->send("DUMP k\r\n");
  const std::string payload = reply.substr(reply.find("\r\n") + 2, reply.size() - reply.find("\r\n") - 4);
  cmd("CONFIG SET maxmemory-policy allkeys-lru");
  EXPECT_EQ(cmd({"RESTORE", "idle", "0", payload, "IDLETIME", "1000"}), "+OK");
  EXPECT_EQ(cmd("OBJECT IDLETIME idle"), ":1000");
  cmd("CONFIG SET maxmemory-policy allkeys-lfu");
  EXPECT_EQ(cmd({"RESTORE", "often", "0", payload, "FREQ", "100"}), "+OK");
  EXPECT_EQ(cmd("OBJECT FREQ often"), ":100");
  EXPECT_EQ(cmd({"RESTORE", "k", "0", payload, "REPLACE", "FREQ", "1", "IDLETIME", "1"}), "-ERR syntax error");
  EXPECT_EQ(cmd({"RESTORE", "k", "0", payload, "FREQ", "x"}), "-ERR value is not an integer or out of range");
}

TEST_F(RespEvictionTest, MultiDoesNotQueueWhatCannotFit) {
  const std::string oom = "OOM command not allowed when used memory > 'maxmemory'.";
  cmd("CONFIG SET maxmemory 1");
  cmd("MULTI");
  EXPECT_EQ(cmd("GET k"), "+QUEUED");
  EXPECT_EQ(cmd("SET k 1"), "-" + oom);
  EXPECT_EQ(cmd("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  cmd("CONFIG SET maxmemory 100");
  cmd("MULTI");
  EXPECT_EQ(cmd("SET k 1"), "+QUEUED");
  TestClient other(*service_);
  other("CONFIG SET maxmemory 1");
  EXPECT_EQ(cmd("EXEC"), "-EXECABORT Transaction discarded because of: " + oom);
  EXPECT_EQ(cmd("GET k"), "$-1");
  other("CONFIG SET maxmemory 1 maxmemory-policy allkeys-lru");
  cmd("MULTI");
  EXPECT_EQ(cmd("SET k 1"), "+QUEUED");  // others would go for it
}

TEST_F(RespEvictionTest, APipelineLargerThanTheLimitGoesThrough) {
  cmd("CONFIG SET maxkeys 10 maxmemory-policy allkeys-lru");
  std::string pipeline;
  std::string wanted;
  for (int i = 0; i < 100; ++i) {
    pipeline += "SET k" + std::to_string(i) + " 1\r\n";
    wanted += "+OK\r\n";
  }
  EXPECT_EQ(client_->send(pipeline), wanted);
  EXPECT_EQ(store_->usage(0).keys, 10U);
}

TEST_F(RespEvictionTest, WithoutAPolicyUsesAreNotedOnceSomebodyAsksForThem) {
  cmd("SET a 1");
  clock_ns_ += 7'000'000'000;
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":7");
  EXPECT_EQ(cmd("TOUCH a"), ":1");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":0");
  clock_ns_ += 5'000'000'000;
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":5");
  cmd("GET a");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":0");
}

TEST_F(RespEvictionTest, TouchIsSeenWhenItComesFirst) {
  cmd("SET a 1");
  clock_ns_ += 7'000'000'000;
  EXPECT_EQ(cmd("TOUCH a"), ":1");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":0");
}

TEST_F(RespEvictionTest, RestoreTellsOfIdleTimeWithoutAPolicy) {
  cmd("SET k 1");
  const std::string reply = client_->send("DUMP k\r\n");
  const std::string payload = reply.substr(reply.find("\r\n") + 2, reply.size() - reply.find("\r\n") - 4);
  EXPECT_EQ(cmd({"RESTORE", "idle", "0", payload, "IDLETIME", "1000"}), "+OK");
  EXPECT_EQ(cmd("OBJECT IDLETIME idle"), ":1000");
}

TEST_F(RespEvictionTest, ObjectTellsHowKeysAreUsed) {
  cmd("SET a 1");
  EXPECT_EQ(cmd("OBJECT FREQ a").substr(0, 25), "-ERR An LFU maxmemory pol");
  cmd("CONFIG SET maxmemory-policy allkeys-lru");
  cmd("GET a");
  clock_ns_ += 7'000'000'000;
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":7");
  cmd("EXISTS a");
  cmd("TTL a");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":7") << "looking is no use";
  EXPECT_EQ(cmd("CLIENT NO-TOUCH on"), "+OK");
  cmd("GET a");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":7");
  EXPECT_EQ(cmd("TOUCH a"), ":1");
  EXPECT_EQ(cmd("OBJECT IDLETIME a"), ":0");
  EXPECT_EQ(cmd("CLIENT NO-TOUCH off"), "+OK");
  cmd("CONFIG SET maxmemory-policy allkeys-lfu");
  EXPECT_EQ(cmd("OBJECT IDLETIME a").substr(0, 25), "-ERR An LFU maxmemory pol");
  cmd("SET b 1");
  EXPECT_EQ(cmd("OBJECT FREQ b"), ":5");
  for (int i = 0; i < 1000; ++i) cmd("GET b");
  const int frequency = std::stoi(cmd("OBJECT FREQ b").substr(1));
  EXPECT_GT(frequency, 8);
  EXPECT_LT(frequency, 60);
}

}  // namespace
}  // namespace kvfs::resp
