#include "store/tree.h"
#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class PipelineTest : public DoorTest {
 protected:
  uint64_t commits() {
    return store_->read([](const ReadTxn& txn) { return txn.rows().sequence(); });
  }
};

TEST_F(PipelineTest, WritesOfOnePipelineAreOneCommit) {
  cmd("SET warm up");
  const uint64_t before = commits();
  EXPECT_EQ(client_->send("SET a 1\r\nINCR a\r\nGET a\r\nDEL a\r\nGET a\r\nSET b x\r\n"),
            "+OK\r\n:2\r\n$1\r\n2\r\n:1\r\n$-1\r\n+OK\r\n");
  EXPECT_EQ(commits(), before + 1);
}

/// A client whose commands are gathered with those of others.
struct Gathered {
  Gathered(Service& service, std::vector<std::vector<std::string_view>> sent)
      : executor(service), words(std::move(sent)) {
    service.admit(client, true);
    for (const auto& each : words) commands.emplace_back(each);
  }
  Executor executor;
  Client client;
  std::vector<std::vector<std::string_view>> words;
  std::vector<Args> commands;
  std::string out;
};

TEST_F(PipelineTest, WritesOfSeveralClientsCanBeOneCommit) {
  cmd("SET warm up");
  Gathered a(*service_, {{"SET", "a", "1"}, {"GET", "a"}});
  Gathered b(*service_, {{"INCR", "a"}});
  const uint64_t before = commits();
  const auto run = [&](WriteTxn& txn) -> Result<void> {
    for (Gathered* each : {&a, &b}) {
      const Executor* neighbour = each == &b ? &a.executor : nullptr;
      const Result<size_t> done = each->executor.run_within(txn, each->client, each->commands, neighbour, each->out);
      if (!done) return done.error();
      EXPECT_EQ(*done, each->commands.size());
    }
    return {};
  };
  ASSERT_TRUE(a.executor.gathers(a.client, a.commands) && b.executor.gathers(b.client, b.commands));
  ASSERT_TRUE(store_->write(run));
  EXPECT_EQ(a.out, "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(b.out, ":2\r\n");
  EXPECT_EQ(commits(), before + 1);
}

TEST_F(PipelineTest, WhatWasStagedInADroppedTransactionOfSeveralClientsTakesNoSpace) {
  cmd("SET warm up");
  const uint64_t before = store_->chunks().bytes_used();
  Gathered large(*service_, {{"SETRANGE", "a", "300000", "x"}});
  Gathered other(*service_, {{"SET", "b", "1"}});
  for (Gathered* each : {&large, &other}) ASSERT_TRUE(each->executor.gathers(each->client, each->commands));
  const Result<void> refused = store_->write([&](WriteTxn& txn) -> Result<void> {
    for (Gathered* each : {&large, &other}) {
      const Result<size_t> done = each->executor.run_within(txn, each->client, each->commands, nullptr, each->out);
      if (!done) return done.error();
    }
    return {Errc::quota_exceeded, "as for one of them"};
  });
  ASSERT_FALSE(refused);
  EXPECT_GT(store_->chunks().bytes_used(), before);
  for (Gathered* each : {&large, &other}) each->executor.after_failure();
  EXPECT_EQ(store_->chunks().bytes_used(), before);
}

TEST_F(PipelineTest, OnlyCommandsThatShareATransactionAreGathered) {
  Gathered reads(*service_, {{"GET", "a"}});
  EXPECT_FALSE(reads.executor.gathers(reads.client, reads.commands));
  for (const std::string_view alone : {"PING", "MULTI", "NOSUCH"}) {
    Gathered client(*service_, {{"SET", "a", "1"}, {alone}});
    EXPECT_FALSE(client.executor.gathers(client.client, client.commands)) << alone;
  }
  Gathered queued(*service_, {{"SET", "a", "1"}});
  queued.client.in_transaction = true;
  EXPECT_FALSE(queued.executor.gathers(queued.client, queued.commands));
}

TEST_F(PipelineTest, ACommandThatIsRefusedHarmsNoOther) {
  EXPECT_EQ(client_->send("SET a x\r\nINCR a\r\nNOSUCH\r\nSET b 1\r\nGET b\r\n"),
            "+OK\r\n-ERR value is not an integer or out of range\r\n-ERR unknown command 'NOSUCH', with args beginning "
            "with: \r\n+OK\r\n$1\r\n1\r\n");
}

TEST_F(PipelineTest, ACommandThatTheStoreRefusesHarmsNoOther) {
  const std::string endless(5000, 'k');
  const std::string replies = client_->run({{"SET", "a", "1"}, {"MSET", "b", "2", endless, "3"}, {"SET", "c", "4"}});
  EXPECT_TRUE(replies.starts_with("+OK\r\n-ERR ")) << replies;
  EXPECT_TRUE(replies.ends_with("\r\n+OK\r\n")) << replies;
  EXPECT_EQ(cmd("MGET a b c"), "*3|$1|1|$-1|$1|4");
}

TEST_F(PipelineTest, AQuotaIsToldByOom) {
  const DirId tenant = *store_->find_tenant("default");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_keys = 2;
    set_settings(txn, tenant, settings);
    return {};
  }));
  const std::string replies = client_->send("SET a 1\r\nSET b 2\r\nSET c 3\r\nSET a 4\r\nDEL b\r\nSET c 5\r\n");
  EXPECT_TRUE(replies.starts_with("+OK\r\n+OK\r\n-OOM command not allowed")) << replies;
  EXPECT_TRUE(replies.ends_with("\r\n+OK\r\n:1\r\n+OK\r\n")) << replies;
  EXPECT_EQ(cmd("MGET a c"), "*2|$1|4|$1|5");
}

TEST_F(PipelineTest, ACollectionThatDemandsConditionsOverHttpTakesCommands) {
  EXPECT_EQ(cmd("SET a 1"), "+OK");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    const auto collection = find_collection(txn, *store_->find_tenant("default"), "default");
    if (!collection) return collection.error();
    Settings settings;
    settings.require_preconditions = true;
    set_settings(txn, *collection, settings);
    return {};
  }));
  const std::string replies = client_->send("SET a 2\r\nINCR a\r\nSET b 1\r\nDEL b\r\n");
  EXPECT_EQ(replies, "+OK\r\n:3\r\n+OK\r\n:1\r\n");
}

TEST_F(PipelineTest, ExecIsOneTransaction) {
  EXPECT_EQ(cmd("MULTI"), "+OK");
  EXPECT_EQ(cmd("SET a 1"), "+QUEUED");
  EXPECT_EQ(cmd("INCR a"), "+QUEUED");
  EXPECT_EQ(cmd("GET a"), "+QUEUED");
  const uint64_t before = commits();
  EXPECT_EQ(cmd("EXEC"), "*3|+OK|:2|$1|2");
  EXPECT_EQ(commits(), before + 1);
  EXPECT_EQ(cmd("EXEC"), "-ERR EXEC without MULTI");
}

TEST_F(PipelineTest, ExecGoesOnAfterACommandThatIsRefused) {
  EXPECT_EQ(
      client_->send("MULTI\r\nSET a x\r\nINCR a\r\nSET b 1\r\nEXEC\r\n"),
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n");
}

TEST_F(PipelineTest, ExecDoesNothingAfterACommandThatCouldNotBeQueued) {
  cmd("MULTI");
  EXPECT_EQ(cmd("SET a"), "-ERR wrong number of arguments for 'set' command");
  EXPECT_EQ(cmd("SET a 1"), "+QUEUED");
  EXPECT_EQ(cmd("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(cmd("GET a"), "$-1");
}

TEST_F(PipelineTest, ExecLeavesNothingWhereTheStoreRefuses) {
  const std::string replies =
      client_->run({{"MULTI"}, {"SET", "a", "1"}, {"SET", std::string(5000, 'k'), "1"}, {"EXEC"}});
  EXPECT_NE(replies.find("-EXECABORT Transaction discarded because of: ERR"), std::string::npos) << replies;
  EXPECT_EQ(cmd("GET a"), "$-1");
}

TEST_F(PipelineTest, WatchedKeysThatChangeStopExec) {
  TestClient other(*service_);
  cmd("SET a 1");
  cmd("WATCH a b");
  cmd("MULTI");
  cmd("SET a 2");
  EXPECT_EQ(cmd("EXEC"), "*1|+OK");

  for (const char* change : {"SET a 9", "DEL a", "EXPIRE a 100", "SET b 1"}) {
    cmd("SET a 1");
    cmd("WATCH a b");
    EXPECT_NE(other(change)[0], '-');
    cmd("MULTI");
    cmd("SET a 2");
    EXPECT_EQ(cmd("EXEC"), "*-1") << change;
    EXPECT_NE(cmd("GET a"), "$1|2") << change;
    cmd("DEL b");
  }
  cmd("WATCH a");
  other("SET a 5");
  EXPECT_EQ(cmd("UNWATCH"), "+OK");
  EXPECT_EQ(client_->send("MULTI\r\nGET a\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n*1\r\n$1\r\n5\r\n");
}

TEST_F(PipelineTest, AMonitorSeesTransactionsInTheirOrder) {
  cmd("MONITOR");
  TestClient other(*service_);
  other.send("MULTI\r\nSET k 1\r\nEXEC\r\nMULTI\r\nNOSUCH\r\nEXEC\r\n");
  std::string names;
  const std::string lines = client_->outbox->log;
  for (size_t at = lines.find("] \""); at != lines.npos; at = lines.find("] \"", at + 1))
    names += lines.substr(at + 3, lines.find('"', at + 3) - at - 3) + " ";
  EXPECT_EQ(names, "MULTI SET EXEC MULTI EXEC ");
}

TEST_F(PipelineTest, ClientReplyDoesNotHoldSubscriptionsBack) {
  EXPECT_EQ(cmd("CLIENT REPLY OFF"), "");
  EXPECT_EQ(cmd("SUBSCRIBE channel"), "*3|$9|subscribe|$7|channel|:1");
  EXPECT_EQ(cmd("UNSUBSCRIBE"), "*3|$11|unsubscribe|$7|channel|:0");
  EXPECT_EQ(cmd("GET k"), "");
}

TEST_F(PipelineTest, RemovingWhatHadExpiredBeforeWatchIsNoChange) {
  cmd("SET k 1 PX 10");
  pass_ms(20);
  cmd("WATCH k");
  EXPECT_EQ(store_->sweep_expired().value(), 1U);
  cmd("MULTI");
  cmd("PING");
  EXPECT_EQ(cmd("EXEC"), "*1|+PONG");
}

TEST_F(PipelineTest, DiscardForgetsTheQueue) {
  client_->send("MULTI\r\nSET a 1\r\n");
  EXPECT_EQ(cmd("DISCARD"), "+OK");
  EXPECT_EQ(cmd("GET a"), "$-1");
  EXPECT_EQ(cmd("DISCARD"), "-ERR DISCARD without MULTI");
  cmd("MULTI");
  EXPECT_EQ(cmd("MULTI"), "-ERR MULTI calls can not be nested");
  EXPECT_EQ(cmd("WATCH a"), "-ERR WATCH inside MULTI is not allowed");
}

TEST_F(PipelineTest, SelectInsideATransactionHolds) {
  EXPECT_EQ(client_->send("MULTI\r\nSELECT 2\r\nSET a 1\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(stored("2", "a"), "1");
  EXPECT_EQ(client_->client().database, 2u);
}

TEST_F(PipelineTest, RepliesCanBeSwitchedOff) {
  EXPECT_EQ(client_->send("CLIENT REPLY OFF\r\nSET a 1\r\nGET a\r\nCLIENT REPLY ON\r\nGET a\r\n"),
            "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(client_->send("CLIENT REPLY SKIP\r\nSET a 2\r\nGET a\r\n"), "$1\r\n2\r\n");
  EXPECT_EQ(client_->send("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nSET a 3\r\nGET a\r\n"), "$1\r\n3\r\n");
}

}  // namespace
}  // namespace kvfs::resp
